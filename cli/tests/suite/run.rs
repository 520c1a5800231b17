//! Running the program on a simulated host in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A directory with a simulated host in it.
pub struct Host {
    folder: TempDir,
}

/// How a run ended.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Code and both outputs, as a snapshot shows them.
    pub fn all(&self) -> String {
        format!("exit code: {}\n----- stdout\n{}----- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// The root of the repository: the program runs there, so that paths in its output are as a reader types them.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subdevcfg"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

pub fn run(folder: &Path, arguments: &[&str]) -> Run {
    let output = command(folder, arguments).output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Host {
    /// A host with nothing on it; its file is not there yet.
    pub fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Runs the program in the host's directory, on its `host.json`.
    pub fn run(&self, arguments: &[&str]) -> Run {
        run(self.folder.path(), &[arguments, &["--simulate", "host.json"]].concat())
    }

    /// Starts the program in the host's directory, on its `host.json`, with these for standard output and error.
    pub fn start(&self, arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Child {
        let arguments = [arguments, &["--simulate", "host.json"]].concat();
        command(self.folder.path(), &arguments).stdout(stdout).stderr(stderr).spawn().unwrap()
    }

    /// Runs the program in the host's directory, on no host.
    pub fn run_without_host(&self, arguments: &[&str]) -> Run {
        run(self.folder.path(), arguments)
    }

    /// Applies a text and expects that it works.
    pub fn apply(&self, text: &str) {
        self.apply_with_code(text, 0);
    }

    /// Applies a text and expects that it ends like this.
    pub fn apply_with_code(&self, text: &str, code: i32) -> Run {
        self.write("host.kdl", text);
        let run = self.run(&["apply", "host.kdl", "--yes", "--allow", "parent-wide"]);
        assert_eq!(run.code, code, "{}", run.all());
        run
    }

    /// Plans a text.
    pub fn plan(&self, text: &str) -> Run {
        self.write("host.kdl", text);
        self.run(&["plan", "host.kdl", "--detailed-exitcode"])
    }

    /// The plan of a text as JSON.
    pub fn plan_json(&self, text: &str) -> serde_json::Value {
        self.write("host.kdl", text);
        let run = self.run(&["plan", "host.kdl", "--format", "json"]);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.all()))
    }

    /// The config fields of the state: everything but what is `volatile`.
    pub fn config(&self) -> serde_json::Value {
        let run = self.run(&["state", "--format", "json"]);
        let mut state: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        drop_volatile(&mut state);
        state
    }
}

fn drop_volatile(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.remove("volatile");
            fields.values_mut().for_each(drop_volatile);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(drop_volatile),
        _ => {}
    }
}

const PARENT: &str = "device \"subdev/nic0\" { create max-subdevices=4; eswitch mode=switchdev; BODY }";

/// A host with one parent, with these nodes on it.
pub fn host_with(body: &str) -> String {
    format!("subdevcfg version=1\nhost \"*\"\n{}\n", PARENT.replace("BODY", body))
}

pub fn example(name: &str) -> String {
    std::fs::read_to_string(root().join("examples").join(name)).unwrap()
}

/// Snapshots of the command line stand in the repository's `snapshots/FOLDER`.
pub fn snapshot(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots").join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, without_times(text)));
}

/// The time of day belongs neither into a snapshot nor into a page.
pub fn without_times(text: &str) -> String {
    let mut found = String::new();
    let ends = [' ', '\n', ';', ')', '"'];
    for word in text.split_inclusive(ends) {
        let bare = word.trim_end_matches(ends).trim_end_matches([':', ',']);
        let is_time = bare.len() == 20
            && bare.starts_with(|c: char| c.is_ascii_digit())
            && bare.ends_with('Z')
            && bare.contains('T');
        if is_time { found += &word.replace(bare, "2026-01-01T00:00:00Z") } else { found += word }
    }
    found
}

impl Host {
    /// Changes the simulated host behind the program's back.
    pub fn edit(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.path("host.json");
        let mut host = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut host);
        std::fs::write(&path, host.to_string()).unwrap();
    }

    /// The simulated host as it lies in its file.
    pub fn simulated(&self) -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(self.path("host.json")).unwrap()).unwrap()
    }

    /// What is on the host was made by somebody else.
    pub fn forget_record(&self) {
        self.edit(|host| {
            host.as_object_mut().unwrap().shift_remove("record");
        });
    }
}
