//! Who is at the other end of the caller's ssh session.

use std::fs;

use camino::Utf8Path;
use subdevcfg_reconciler::live::Peer;

/// What sshd tells the processes of a session: both ends, the client's address first (`do_setup_env` in session.c).
const VARIABLE: &str = "SSH_CONNECTION";

/// The other end of the caller's ssh session, if it is in one. sudo and su drop the variable, but not from their own
/// environment: the nearest process above that has it tells, as far as the caller may look there.
pub fn peer() -> Option<Peer> {
    let own = std::env::var(VARIABLE).ok();
    own.as_deref().and_then(client).or_else(|| {
        let above = std::os::unix::process::parent_id();
        of_ancestors(Utf8Path::new("/proc"), above)
    })
}

/// The same of a process and of those above it.
fn of_ancestors(proc: &Utf8Path, process: u32) -> Option<Peer> {
    let mut process = process;
    // What init was started with is of no session; above a container's first process is 0.
    while process > 1 {
        let folder = proc.join(process.to_string());
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        if let Some(peer) = told(&environment) {
            return Some(peer);
        }
        process = above(&folder)?;
    }
    None
}

/// What an environment says, as the kernel shows it: variables with a zero byte after each.
fn told(environment: &[u8]) -> Option<Peer> {
    environment.split(|byte| *byte == 0).find_map(|variable| {
        let (name, value) = str::from_utf8(variable).ok()?.split_once('=')?;
        client(value).filter(|_| name == VARIABLE)
    })
}

fn client(value: &str) -> Option<Peer> {
    value.split(' ').next()?.parse().ok()
}

fn above(folder: &Utf8Path) -> Option<u32> {
    let status = fs::read_to_string(folder.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    /// A /proc with these processes: number, environment, the number of the one above.
    fn of(processes: &[(u32, Option<&str>, u32)], first: u32) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let proc = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        for (process, environment, above) in processes {
            let folder = proc.join(process.to_string());
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("status"), format!("Name:\tx\nPid:\t{process}\nPPid:\t{above}\n")).unwrap();
            if let Some(environment) = environment {
                fs::write(folder.join("environ"), environment.replace('|', "\0")).unwrap();
            }
        }
        of_ancestors(&proc, first).map(|peer| peer.to_string())
    }

    #[test]
    fn who_called_through_sudo_is_found_above_it() {
        let shell = "HOME=/root|SSH_CONNECTION=10.0.0.9 40000 10.0.0.2 22|TERM=xterm|";
        let bare = Some("HOME=/root|");
        // A shell that was started by sudo, and what nobody may look into between them.
        let found = of(&[(30, bare, 20), (20, None, 10), (10, Some(shell), 1), (1, bare, 0)], 30);
        assert_eq!(found.as_deref(), Some("10.0.0.9"));
        let zone = "SSH_CONNECTION=fe80::9%eth0 40000 fe80::2%eth0 22|";
        assert_eq!(of(&[(30, Some(zone), 1)], 30).as_deref(), Some("fe80::9%eth0"));
        // The nearest one tells.
        let outer = "SSH_CONNECTION=10.0.0.8 40000 10.0.0.2 22|";
        assert_eq!(of(&[(30, Some(shell), 20), (20, Some(outer), 1)], 30).as_deref(), Some("10.0.0.9"));
    }

    #[test]
    fn the_kernel_shows_what_a_process_was_started_with() {
        let mut child = std::process::Command::new("sleep");
        let mut child = child.arg("60").env(VARIABLE, "10.0.0.9 40000 10.0.0.2 22").spawn().unwrap();
        let environment = format!("/proc/{}/environ", child.id());
        // It is empty for a moment after exec has let the parent go on (`begin_new_exec`, then `create_elf_tables`).
        while fs::read(&environment).is_ok_and(|told| told.is_empty()) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let found = of_ancestors(Utf8Path::new("/proc"), child.id());
        let below = above(&Utf8PathBuf::from(format!("/proc/{}", child.id())));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.map(|peer| peer.to_string()).as_deref(), Some("10.0.0.9"));
        assert_eq!(below, Some(std::process::id()));
    }

    #[test]
    fn what_is_no_address_tells_nothing() {
        for environment in [
            "SSH_CONNECTION=|",
            "SSH_CONNECTION=host 1 2 3|",
            "XSSH_CONNECTION=10.0.0.9 1|",
            "SSH_CONNECTION|",
            "\u{fffd}",
        ] {
            assert_eq!(of(&[(30, Some(environment), 1)], 30), None, "{environment}");
        }
        let init = "SSH_CONNECTION=10.0.0.9 40000 10.0.0.2 22|";
        assert_eq!(of(&[(30, Some(""), 1), (1, Some(init), 0)], 30), None);
        assert_eq!(of(&[(30, Some(""), 20)], 30), None);
    }
}
