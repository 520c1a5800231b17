//! What must hold for the files, whatever happens to them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use subdevcfg_compiler::values::{Cmode, Scalar};
use tempfile::TempDir;

use super::*;
use crate::apply::RecordKeeper as _;
use crate::history::{HistoryError, HistoryKeeper as _, Past, Planned, REMEMBERED};
use crate::reboot::Stored;
use crate::record::{Entry, Interrupted, Record, RecordChange, Taken};
use crate::resource::{Setting, Subject};
use crate::state::{Function, State};

fn folder() -> (TempDir, Utf8PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::from_path_buf(outer.path().join("run")).unwrap();
    (outer, folder)
}

fn turn(command: &str, patience: Duration) -> Turn<'_> {
    Turn { command, patience, waits: &|_| {} }
}

fn record() -> Record {
    let mut record = Record::default();
    record.note(&made("subdev/nic0"));
    record
}

fn made(handle: &str) -> RecordChange {
    RecordChange::Made(Subject::parent(handle.parse().unwrap()), handle.to_owned())
}

/// A permanent parameter was written.
fn stored() -> RecordChange {
    let value = |number: u32| Setting::Param {
        name: "total_vfs".to_owned(),
        cmode: Cmode::Permanent,
        value: Scalar::from(number),
    };
    let stored = Stored {
        address: "subdev/nic0".to_owned(),
        in_force: Some(value(8)),
        written: value(16),
        at: "2026-01-01T00:00:00Z".to_owned(),
        boot_id: "one".to_owned(),
    };
    RecordChange::Stored(Subject::parent("subdev/nic0".parse().unwrap()), stored)
}

fn entry(operation: usize, handle: &str) -> Entry {
    Entry { operation, total: 2, request: format!("make {handle}"), change: Some(made(handle)) }
}

#[test]
fn what_was_noted_before_a_run_was_killed_counts_but_for_half_a_line() {
    let (_outer, folder) = folder();
    let mut keeper = FileKeeper::new(&folder, "one");
    keeper.keep(&record()).unwrap();
    keeper.note(&entry(1, "subdev/nic1")).unwrap();
    keeper.note(&entry(2, "subdev/nic2")).unwrap();
    let mut wanted = record();
    wanted.note(&made("subdev/nic1"));
    wanted.interrupted = Some(Interrupted { operation: 1, total: 2, request: "make subdev/nic1".to_owned() });
    let log = folder.join("record.log");
    let whole = fs::read_to_string(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 5]).unwrap();
    assert_eq!(FileKeeper::new(&folder, "one").load().unwrap(), wanted);
    fs::write(&log, "nonsense\n").unwrap();
    assert!(matches!(FileKeeper::new(&folder, "one").load(), Err(LoadError::Malformed { .. })));
    // What a device has stored is known as well.
    fs::write(&log, &whole).unwrap();
    keeper.note(&Entry { change: Some(stored()), ..entry(3, "subdev/nic2") }).unwrap();
    assert_eq!(FileKeeper::new(&folder, "one").load().unwrap().stored.len(), 1);
    // A whole record takes the place of what was noted, even when the log could not be removed.
    fs::write(&log, &whole).unwrap();
    keeper.keep(&record()).unwrap();
    fs::write(&log, &whole).unwrap();
    assert_eq!(FileKeeper::new(&folder, "one").load().unwrap(), record());
}

#[test]
fn what_a_killed_run_took_along_is_known_to_the_next() {
    let (_outer, folder) = folder();
    let parent = Subject::parent("pci/0000:08:00.0".parse().unwrap());
    let vf: Function = serde_json::from_value(serde_json::json!({
        "id": { "vf": { "controller": 0, "pf": 0, "index": 2 } },
        "vf": { "legacy": { "trust": { "trust": true } }, "device": { "driver": "vfio-pci", "driver_override": "vfio-pci" } },
        "netdev": { "name": "db0", "mtu": 9000, "up": true },
        "active": true,
    }))
    .unwrap();
    let subject = Subject::function(parent.parent.clone(), vf.id.clone());
    let changes = RecordChange::Several(vec![
        RecordChange::Taken(subject, Taken::Function(Box::new(vf))),
        RecordChange::Taken(parent, Taken::Settings(vec![Setting::Vfs(4)])),
    ]);
    let mut keeper = FileKeeper::new(&folder, "one");
    keeper.keep(&record()).unwrap();
    keeper.note(&Entry { change: Some(changes.clone()), ..entry(1, "pci/0000:08:00.0") }).unwrap();
    let noted = FileKeeper::new(&folder, "one").load().unwrap();
    let mut wanted = record();
    wanted.note(&changes);
    assert_eq!(noted.taken, wanted.taken);
    assert_eq!(noted.taken.len(), 2);
    // The next run, which ends elsewhere, writes it whole.
    keeper.keep(&noted).unwrap();
    assert_eq!(FileKeeper::new(&folder, "one").load().unwrap().taken, wanted.taken);
}

fn mode(path: &Utf8Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_record_comes_back_in_the_same_boot_and_in_no_other() {
    let (_outer, folder) = folder();
    let mut keeper = FileKeeper::new(&folder, "one");
    assert_eq!(keeper.load().unwrap(), Record::default());
    assert!(!folder.exists(), "reading makes nothing");
    keeper.keep(&record()).unwrap();
    keeper.keep(&record()).unwrap();
    assert_eq!(keeper.load().unwrap(), record());
    assert_eq!(FileKeeper::new(&folder, "two").load().unwrap(), Record::default());
    assert_eq!((mode(&folder), mode(&keeper.path())), (0o755, 0o644));
    assert_eq!(folder.read_dir_utf8().unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn a_damaged_record_is_never_an_empty_one() {
    let (_outer, folder) = folder();
    let mut keeper = FileKeeper::new(&folder, "one");
    keeper.keep(&record()).unwrap();
    let whole = fs::read_to_string(keeper.path()).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 3] {
        fs::write(keeper.path(), &whole[..length]).unwrap();
        let error = keeper.load().unwrap_err();
        assert!(matches!(error, LoadError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("record.json"), "{error}");
    }
    fs::write(keeper.path(), whole.replace("\"1.0\"", "\"2.0\"")).unwrap();
    assert!(matches!(keeper.load(), Err(LoadError::Newer { .. })));
    fs::remove_file(keeper.path()).unwrap();
    fs::create_dir(keeper.path()).unwrap();
    assert!(matches!(keeper.load(), Err(LoadError::File { .. })));
    assert!(keeper.keep(&record()).is_err());
}

#[test]
fn links_are_not_followed() {
    let (outer, folder) = folder();
    let elsewhere = outer.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    let mut keeper = FileKeeper::new(&folder, "one");
    assert!(keeper.keep(&record()).is_err());
    assert!(matches!(keeper.load(), Err(LoadError::File { .. })));
    assert!(matches!(Lock::take_in(&folder, turn("t", Duration::ZERO)), Err(LockError::File { .. })));
    fs::remove_file(&folder).unwrap();

    keeper.keep(&record()).unwrap();
    let target = outer.path().join("target");
    for name in ["record.json", "lock"] {
        drop(fs::remove_file(folder.join(name)));
        symlink(&target, folder.join(name)).unwrap();
    }
    assert!(keeper.load().is_err());
    assert!(Lock::take_in(&folder, turn("t", Duration::ZERO)).is_err());
    keeper.keep(&record()).unwrap();
    assert_eq!(keeper.load().unwrap(), record(), "the link was replaced");
    assert!(!target.exists());
}

#[test]
fn one_at_a_time_holds_the_lock_and_says_who() {
    let (_outer, folder) = folder();
    let first = Lock::take_in(&folder, turn("subdevcfg apply host.kdl", Duration::ZERO)).unwrap();
    assert_eq!(mode(&folder.join("lock")), 0o600);
    let start = Instant::now();
    let told = RefCell::new(Vec::new());
    let waits = |held: &LockError| told.borrow_mut().push(held.to_string());
    let other = Turn { waits: &waits, ..turn("other", Duration::from_millis(120)) };
    let error = Lock::take_in(&folder, other).unwrap_err();
    assert!(start.elapsed() >= Duration::from_millis(120));
    assert_eq!(told.into_inner(), [error.to_string()], "once, however often it is tried");
    let held = format!("process {} (`subdevcfg apply host.kdl`)", std::process::id());
    assert!(error.to_string().starts_with(&held), "{error}");
    drop(first);
    assert!(!folder.join("lock").exists());
    let again = Lock::take_in(&folder, turn("other", Duration::ZERO)).unwrap();
    let waiting = std::thread::spawn({
        let folder = folder.clone();
        move || Lock::take_in(&folder, turn("third", Duration::from_secs(20))).map(drop)
    });
    std::thread::sleep(Duration::from_millis(30));
    // Its file goes with it; who has it open takes the one that is there then.
    drop(again);
    waiting.join().unwrap().unwrap();
}

#[test]
fn protection_and_what_is_stored_outlive_the_boot_and_the_rest_does_not() {
    let (_guard, folder) = folder();
    fs::create_dir(&folder).unwrap();
    let keeper = |boot: &str| FileKeeper::new(folder.join("run"), boot).lasting_in(folder.join("lib"));
    let mut wanted = record();
    wanted.protected = wanted.made.clone();
    wanted.note(&stored());
    assert!(!wanted.protected.is_empty());
    keeper("one").keep(&wanted).unwrap();
    assert_eq!(keeper("one").load().unwrap(), wanted);
    let after = keeper("two").load().unwrap();
    let lasting =
        Record { protected: wanted.protected.clone(), stored: wanted.stored.clone(), ..Record::default() };
    assert_eq!(after, lasting);
    let mut lifted = keeper("two");
    lifted.load().unwrap();
    lifted.keep(&Record::default()).unwrap();
    assert_eq!(keeper("two").load().unwrap(), Record::default());
    fs::write(folder.join("lib/lasting.json"), "[{").unwrap();
    assert!(matches!(keeper("two").load(), Err(LoadError::Malformed { .. })));
}

#[test]
fn what_is_stored_may_be_kept_over_the_boot_later_and_protection_may_not() {
    let (_guard, folder) = folder();
    fs::create_dir(&folder).unwrap();
    let lib = folder.join("lib");
    fs::write(&lib, "not mounted yet").unwrap();
    let mut keeper = FileKeeper::new(folder.join("run"), "one").lasting_in(&lib);
    let mut record = record();
    record.note(&stored());
    keeper.keep(&record).unwrap();
    record.protected = record.made.clone();
    assert!(keeper.keep(&record).is_err());
    fs::remove_file(&lib).unwrap();
    keeper.keep(&record).unwrap();
    let other_boot = FileKeeper::new(folder.join("run"), "two").lasting_in(&lib).load().unwrap();
    assert_eq!((other_boot.stored, other_boot.protected), (record.stored, record.protected));
}

fn past(number: u64) -> Past {
    Past {
        format_version: crate::history::FORMAT_VERSION.to_owned(),
        number,
        began: "2026-01-01T00:00:00Z".to_owned(),
        command: "apply".to_owned(),
        file: None,
        planned: Planned::default(),
        confirmation: None,
        end: None,
        record: record(),
        before: State::empty(),
    }
}

#[test]
fn the_last_applies_are_remembered_and_numbered_on() {
    let (_guard, folder) = folder();
    fs::create_dir(&folder).unwrap();
    let mut history = FileHistory::new(folder.join("lib/history"), folder.join("run/history"));
    assert_eq!(history.next_number().unwrap(), 1);
    assert_eq!(history.history().unwrap(), vec![]);
    let many = REMEMBERED as u64 + 3;
    for number in 1..=many {
        history.remember(&past(number)).unwrap();
    }
    let numbers: Vec<u64> = history.history().unwrap().iter().map(|past| past.number).collect();
    assert_eq!(numbers, (4..=many).collect::<Vec<_>>());
    assert_eq!(history.next_number().unwrap(), many + 1);
    // Written once more it is the same one.
    let ended = Past { command: "undo".to_owned(), ..past(many) };
    history.remember(&ended).unwrap();
    assert_eq!(history.history().unwrap().last(), Some(&ended));
}

#[test]
fn what_could_not_be_written_at_boot_is_brought_home_later() {
    let (_guard, folder) = folder();
    fs::create_dir(&folder).unwrap();
    let meanwhile = folder.join("run/history");
    // The folder above is not mounted yet.
    let mut early = FileHistory::new(folder.join("lib/subdevcfg/history"), &meanwhile);
    early.remember(&past(1)).unwrap();
    assert!(meanwhile.join("000001.json").exists());
    assert_eq!(early.history().unwrap(), [past(1)]);
    fs::create_dir(folder.join("lib")).unwrap();
    early.remember(&past(2)).unwrap();
    assert!(!meanwhile.join("000001.json").exists());
    assert!(folder.join("lib/subdevcfg/history/000001.json").exists());
    assert_eq!(early.history().unwrap(), [past(1), past(2)]);
}

#[test]
fn what_was_written_last_counts_wherever_it_lies() {
    let (_guard, folder) = folder();
    fs::create_dir(&folder).unwrap();
    let (home, meanwhile) = (folder.join("lib/history"), folder.join("run/history"));
    FileHistory::new(&home, &meanwhile).remember(&past(1)).unwrap();
    // The disk is full by now.
    let confirmed = Past { command: "undo".to_owned(), ..past(1) };
    FileHistory::new(home.join("000001.json/no"), &meanwhile).remember(&confirmed).unwrap();
    let mut history = FileHistory::new(&home, &meanwhile);
    assert_eq!(history.last().unwrap().as_ref(), Some(&confirmed));
    assert_eq!(history.history().unwrap(), [confirmed]);
    // Taken back it is nowhere.
    history.take_back(1).unwrap();
    assert_eq!(history.history().unwrap(), []);
}

#[test]
fn a_damaged_history_says_which_file() {
    let (_guard, folder) = folder();
    fs::create_dir(&folder).unwrap();
    let mut history = FileHistory::new(folder.join("history"), folder.join("meanwhile"));
    history.remember(&past(7)).unwrap();
    let path = folder.join("history/000007.json");
    fs::write(&path, "{").unwrap();
    let error = history.history().unwrap_err();
    assert!(matches!(&error, HistoryError::Malformed { path: named, .. } if *named == path), "{error}");
    // The next apply goes on all the same.
    assert_eq!(history.next_number().unwrap(), 8);
    fs::write(&path, "{\"format_version\": \"2.0\"}").unwrap();
    assert!(matches!(history.history().unwrap_err(), HistoryError::Newer { .. }));
}

#[test]
fn marks_are_those_that_were_asked_for_last() {
    let (outer, folder) = folder();
    let marks = FileMarks::new(folder.join("marks"));
    let set_of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let there = || {
        let entries = marks.folder().read_dir_utf8().unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_owned()).collect::<BTreeSet<_>>()
    };
    marks.keep(&set_of(&[])).unwrap();
    assert!(!folder.exists(), "no mark needs no folder");
    marks.keep(&set_of(&["a", "b"])).unwrap();
    marks.keep(&set_of(&["b", "c"])).unwrap();
    assert_eq!(there(), set_of(&["b", "c"]));
    marks.keep(&set_of(&[])).unwrap();
    assert!(there().is_empty());
    fs::remove_dir(marks.folder()).unwrap();
    symlink(outer.path(), marks.folder()).unwrap();
    assert!(marks.keep(&set_of(&["a"])).is_err(), "a link is not followed");
}
