//! File systems that are mounted over a network, with the addresses of their servers, as /proc/PID/mountinfo tells them
//! (`show_mountinfo` in `fs/proc_namespace.c`). Names are never resolved: a DNS server that does not answer would hold up
//! every observation, and what it answers today need not be what the mount was made with.

use super::peers::Peer;

/// A server of a mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Where it is mounted.
    pub point: String,
    /// The server.
    pub server: Peer,
}

/// The servers of all that is mounted over a network, each once, with the first mount that it is of.
pub(super) fn mounts(mountinfo: &str) -> Vec<Mount> {
    let mut found: Vec<Mount> = Vec::new();
    for (point, server) in mountinfo.lines().filter_map(of_line).flatten() {
        if found.iter().all(|known| known.server != server) {
            found.push(Mount { point, server });
        }
    }
    found
}

/// `36 35 0:48 / /srv rw,noatime shared:1 - nfs4 10.0.0.5:/export rw,vers=4.2,addr=10.0.0.5`
fn of_line(line: &str) -> Option<impl Iterator<Item = (String, Peer)>> {
    let (mount, file_system) = line.split_once(" - ")?;
    let point = unescaped(mount.split(' ').nth(4)?);
    let mut words = file_system.split(' ');
    let (kind, source, options) = (words.next()?, unescaped(words.next()?), words.next()?);
    let servers = if is_of_network(kind, options) { servers(&source, options) } else { Vec::new() };
    Some(servers.into_iter().map(move |server| (point.clone(), server)))
}

fn is_of_network(kind: &str, options: &str) -> bool {
    match kind {
        "nfs" | "nfs4" | "cifs" | "smb3" | "ceph" | "glusterfs" => true,
        // The others are channels of virtual machines and pairs of files.
        "9p" => {
            ["trans=tcp", "trans=rdma"].iter().any(|word| options.split(',').any(|option| option == *word))
        }
        // Most are local; what these have as their source is no address.
        kind => kind.starts_with("fuse."),
    }
}

/// The servers by their addresses. The options have the one that was found out at the time of the mount; without one the
/// source may begin with it.
fn servers(source: &str, options: &str) -> Vec<Peer> {
    let values = |name: &'static str| options.split(',').filter_map(move |option| option.strip_prefix(name));
    // `nfs_show_mount_options`, `cifs_show_address`; `ceph_show_options` has monitors, several of them.
    let told = values("addr=").chain(values("mon_addr=").flat_map(|all| all.split('/')));
    let told: Vec<Peer> = told.filter_map(address).collect();
    if !told.is_empty() {
        return told;
    }
    let source = source.trim_start_matches('/');
    source.split(',').filter_map(|part| address(without_user(part))).collect()
}

/// `10.0.0.5:/home` of `me@10.0.0.5:/home`.
fn without_user(part: &str) -> &str {
    part.split_once('@').filter(|(user, _)| !user.contains([':', '/', '['])).map_or(part, |(_, rest)| rest)
}

/// The address that a text is, or begins with before a port or a path; there one of IPv6's is in brackets.
fn address(text: &str) -> Option<Peer> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let host = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => text.split([':', '/']).next()?,
    };
    host.parse().ok()
}

/// What the kernel has written as `\040` because it would end a field (`mangle_path` in `fs/seq_file.c`).
fn unescaped(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| first == b'\\').and_then(|digits| str::from_utf8(digits).ok());
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = &after[3..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands after the mount's own options.
    fn found(file_system: &str) -> Vec<String> {
        let line = format!("36 35 0:48 / /srv rw,relatime shared:1 master:2 - {file_system}");
        let found = mounts(&line).into_iter();
        found.map(|mount| format!("{} ({})", mount.point, mount.server)).collect()
    }

    #[test]
    fn the_address_of_a_server_is_among_the_options_or_in_the_source() {
        for (file_system, server) in [
            ("nfs4 filer:/export rw,vers=4.2,clientaddr=10.0.0.2,addr=10.0.0.5", "10.0.0.5"),
            ("nfs 10.0.0.5:/export rw,mountaddr=10.0.0.6,addr=10.0.0.5", "10.0.0.5"),
            ("nfs4 [fd00::5]:/export rw,addr=fd00::5", "fd00::5"),
            ("nfs4 [fe80::5%eth0]:/export rw,addr=fe80::5%2", "fe80::5%2"),
            ("cifs //filer/share rw,vers=3.1.1,addr=10.0.0.5", "10.0.0.5"),
            ("smb3 //10.0.0.5/share rw", "10.0.0.5"),
            ("9p 10.0.0.5 rw,trans=tcp,port=564", "10.0.0.5"),
            ("fuse.sshfs me@10.0.0.5:/home/a@b rw,user_id=0", "10.0.0.5"),
            ("fuse.glusterfs 10.0.0.5:/volume rw,user_id=0", "10.0.0.5"),
            ("fuse.sshfs [fd00::5]:/home rw", "fd00::5"),
        ] {
            assert_eq!(found(file_system), [format!("/srv ({server})")], "{file_system}");
        }
        let all = ["/srv (10.0.0.1)", "/srv (10.0.0.2)"];
        assert_eq!(found("ceph 10.0.0.1:6789,10.0.0.2:6789:/volumes rw,name=me"), all);
        assert_eq!(found("ceph me@b1.fs=/ rw,mon_addr=10.0.0.1:6789/10.0.0.2:6789"), all);
    }

    #[test]
    fn what_is_local_or_has_a_name_only_tells_nothing() {
        for file_system in [
            "ext4 /dev/sda1 rw,errors=remount-ro",
            "9p host0 rw,trans=virtio",
            "9p 10.0.0.5 rw,trans=virtio",
            "fuse.lxcfs lxcfs rw,user_id=0",
            "fuse.sshfs filer:/home rw",
            "nfs4 filer:/export rw,addr=filer",
            "tmpfs tmpfs rw,addr=10.0.0.5",
            "nfs4",
            "",
        ] {
            assert!(found(file_system).is_empty(), "{file_system}");
        }
        assert!(mounts("nonsense\n\n36 35 - nfs4 10.0.0.5:/ rw,addr=10.0.0.5\n").is_empty());
    }

    #[test]
    fn the_kernel_escapes_what_would_end_a_field() {
        let text = "36 35 0:48 / /srv/a\\040b\\134c\\011 rw - nfs4 10.0.0.5:/x rw,addr=10.0.0.5\n\
                    37 35 0:49 / /other rw - nfs4 10.0.0.5:/y rw,addr=10.0.0.5\n\
                    38 35 0:50 / /odd\\9 rw - nfs4 10.0.0.6:/y rw,addr=10.0.0.6";
        let found = mounts(text);
        let points: Vec<&str> = found.iter().map(|mount| mount.point.as_str()).collect();
        // One server is reached by one way, however much of it is mounted.
        assert_eq!(points, ["/srv/a b\\c\t", "/odd\\9"]);
    }
}
