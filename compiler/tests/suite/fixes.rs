//! Fixes: what `check --fix` makes of a file.

use crate::common::{QUICKSTART, Text, compile};
use subdevcfg_compiler::Options;
use subdevcfg_compiler::diagnostic::Applicability;
use subdevcfg_compiler::fix::fix;
use subdevcfg_compiler::report::Report;

fn fixed(text: &str) -> (String, usize, usize) {
    let fixed = fix("a.kdl".into(), &Text("a.kdl", text), &Options::default());
    let after = fixed.files.get(camino::Utf8Path::new("a.kdl")).cloned();
    (after.unwrap_or_else(|| text.to_owned()), fixed.made, fixed.left)
}

#[test]
fn what_is_certain_is_written() {
    let text = r#"subdevcfg version=1
host node-17
device subdev/nic0 {
    sf-numbers from=10 to=12
    repeat 1 as=i { subdevice x${i} { sf "3"; netdev 17 up=on; }; }
    subdevice a { sf; function mac=02:00:00:00:00:01; }
    subdevice b { sf pf=0; netdev b up=true; }
    subdevice c { sf; netdev c up=#on; }
}
"#;
    let (after, made, left) = fixed(text);
    insta::assert_snapshot!(format!("{made} made, {left} left\n{after}"));
    // Also what was hidden behind a mistake that could not be read.
    assert_eq!(compile("a.kdl", &after).diagnostics, []);
    assert_eq!(fixed(&after), (after.clone(), 0, 0));
}

#[test]
fn a_fix_that_brings_an_error_is_left_out() {
    let text = "subdevcfg version=1\nhost a\ndevice \"subdev/nic0\" {\n    subdevice a { sf 1; netdev web0 up=on; }\n    \
                subdevice b { sf 2; netdev web0/; netdev web0; }\n}\n";
    let (after, made, left) = fixed(text);
    assert!(after.contains("up=#true") && after.contains("web0/;"), "{after}");
    assert_eq!((made, left), (1, 1));
}

#[test]
fn there_is_nothing_to_fix_in_what_is_right() {
    assert_eq!(fixed(QUICKSTART), (QUICKSTART.to_owned(), 0, 0));
}

#[test]
fn a_guess_is_shown_and_not_made() {
    let text = "subdevcfg version=1\nhost a\ndevice \"subdev/nic0\" {\n    eswitch mod=switchdev\n}\n";
    assert_eq!(fixed(text), (text.to_owned(), 0, 0));
    let compilation = compile("a.kdl", text);
    let fix = compilation.diagnostics.first().and_then(|first| first.fix.as_ref()).expect("a fix");
    assert_eq!(fix.applicability, Applicability::Maybe);
    let reports: Vec<_> =
        compilation.diagnostics.iter().map(|found| Report::new(found, &compilation.sources)).collect();
    insta::assert_json_snapshot!(reports);
}
