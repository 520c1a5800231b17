//! The documentation shows what the program says: the commands of each page are run, in order, in a directory of its own,
//! and its host files are compiled. `INSTA_UPDATE=always` writes the pages, as it does the snapshots.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::{Host, root, without_times};

/// Pages that other tests repeat: in a guest of the lab, or as a crate.
const ELSEWHERE: &[&str] = &["docs/kernel-module.md", "docs/tutorial.md", "docs/testing-your-hosts.md"];

/// A folder with the examples, in which a page is repeated.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root().join("examples"), folder.path().join("examples")).unwrap();
        Self(folder)
    }

    /// The page with what its commands say now. Host files that begin with their name are written on the way.
    fn repeated(&self, page: &str) -> String {
        let mut text = String::new();
        let mut lines = page.lines();
        while let Some(line) = lines.next() {
            text += line;
            text.push('\n');
            let Some(form) = line.strip_prefix("```").filter(|form| !form.is_empty()) else { continue };
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if form == "console" {
                for command in block.iter().filter_map(|line| line.strip_prefix("$ ")) {
                    let _ = write!(text, "$ {command}\n{}", self.said(command));
                }
            } else {
                if let Some(name) = host_file(&block) {
                    fs::write(self.0.path().join(name), block[1..].join("\n") + "\n").unwrap();
                }
                text.extend(block.iter().flat_map(|line| [*line, "\n"]));
            }
            text += "```\n";
        }
        text
    }

    /// What a line of a shell says on both outputs, in order.
    fn said(&self, line: &str) -> String {
        let programs = Path::new(env!("CARGO_BIN_EXE_subdevcfg")).parent().unwrap().to_str().unwrap();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1; {line}")])
            .current_dir(&self.0)
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        without_times(&String::from_utf8(output.stdout).unwrap())
    }
}

/// The name that a block gives itself in its first line, if it is a host file that has one.
fn host_file<'b>(block: &[&'b str]) -> Option<&'b str> {
    let name = block.first()?.strip_prefix("// ")?;
    (Path::new(name).extension()? == "kdl").then_some(name)
}

/// All pages but those of codes, which the compiler's tests repeat, by their paths from the root of the repository.
fn pages() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let name = entry.unwrap().file_name();
            let path = folder.join(&name);
            if root().join(&path).is_dir() {
                folders.extend((name != "errors").then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap()
}

#[test]
fn the_commands_of_every_page_say_what_it_shows() {
    let mut commands = 0;
    for page in pages().iter().filter(|page| !ELSEWHERE.contains(&page.as_str())) {
        let document = read(page);
        let now = Folder::new().repeated(&document);
        commands += now.matches("\n$ ").count();
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            fs::write(root().join(page), &now).unwrap();
            continue;
        }
        for (shown, said) in document.lines().zip(now.lines()) {
            assert_eq!(shown, said, "{page} shows the first, the program says the second");
        }
        assert_eq!(document, now, "{page}");
    }
    // Commands that are not found in the pages would be no test of them.
    assert!(commands >= 40, "{commands}");
}

#[test]
fn every_host_file_of_every_page_compiles() {
    let mut blocks = 0;
    // Files that include others are repeated by the test of their page.
    for page in pages().iter().filter(|page| *page != "docs/testing-your-hosts.md") {
        for block in read(page).split("```kdl\n").skip(1) {
            let text = block.split("```").next().unwrap();
            let header = if text.contains("subdevcfg version") { "" } else { "subdevcfg version=1\n" };
            let is_fragment = text.lines().any(|line| line.starts_with("parameter "));
            let host = if text.contains("host ") || is_fragment { "" } else { "host lab\n" };
            let folder = Host::new();
            folder.write("host.kdl", &format!("{header}{host}{text}"));
            let check = folder.run_without_host(&["check", "host.kdl"]);
            assert_eq!(check.code, 0, "{page}: {}\n{text}", check.all());
            blocks += 1;
        }
    }
    assert!(blocks >= 6, "{blocks}");
}

/// The pages of codes stand at the end of the list of their chapter, which is written from them.
#[test]
fn the_book_has_the_page_of_every_code() {
    let mut names: Vec<String> = fs::read_dir(root().join("docs/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    let mut listed = String::new();
    for name in &names {
        let page = read(&format!("docs/errors/{name}"));
        let title = page.lines().next().unwrap().strip_prefix("# ").unwrap();
        let _ = writeln!(listed, "  - [{title}](errors/{name})");
    }
    let summary = read("docs/SUMMARY.md");
    let chapter = "- [Messages](errors/README.md)\n";
    let (before, rest) = summary.split_once(chapter).unwrap();
    let after: String = rest.split_inclusive('\n').skip_while(|line| line.starts_with("  - ")).collect();
    let made = format!("{before}{chapter}{listed}{after}");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(root().join("docs/SUMMARY.md"), &made).unwrap();
    } else {
        assert_eq!(summary, made, "docs/SUMMARY.md");
    }
}

/// Every page is in the book, and every link of it leads somewhere in the book: what is not in `docs` has no page, and that
/// of `README.md` is `index.html`.
#[test]
fn the_book_has_every_page_and_no_dead_links() {
    let summary = read("docs/SUMMARY.md");
    for page in pages().iter().filter(|page| *page != "docs/SUMMARY.md") {
        let name = page.strip_prefix("docs/").unwrap();
        assert!(summary.contains(&format!("]({name})")), "{page} is not in docs/SUMMARY.md");
    }
    for page in pages() {
        let folder = root().join(&page).parent().unwrap().to_owned();
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap();
            let is_here = !link.contains("://") && !path.is_empty();
            let leads = folder.join(path).canonicalize().is_ok_and(|to| to.starts_with(root().join("docs")));
            let has_a_page = page == "docs/SUMMARY.md" || !path.ends_with("README.md");
            assert!(!is_here || leads && has_a_page, "{page}: {link} leads nowhere in the book");
        }
    }
}
