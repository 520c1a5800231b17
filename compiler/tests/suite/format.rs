//! `fmt`: what it makes of texts, and what it never does to them.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::{QUICKSTART, compile, without_spans};
use subdevcfg_compiler::format::format;

fn formed(text: &str) -> Option<String> {
    format("a.kdl".into(), text).ok()
}

/// The words of all comments, in their order.
fn comments(text: &str) -> Vec<&str> {
    text.split_whitespace().filter(|word| word.starts_with('!')).collect()
}

#[test]
fn the_form_of_a_file() {
    let text = r##"// !first


subdevcfg   version=1 ; host "node-17"   {label "role"="edge" rack=#"r 12"#} // !host
    /* !big
  box */
device "subdev/nic0" driver="subdev" { // !brace

  // !own
  eswitch   mode="switchdev"  encap-mode = basic


  subdevice a { sf 0x10; netdev "true" mtu=1_500 /* !within */ up=#true ; } ; // !after
  /-subdevice b {
        sf 2 } // !off
	subdevice c /-{ sf 3 } { sf 1 \
          pf=0 ; representor "c.d-e" mtu=9000 up=#true; function mac="02:00:00:00:00:01"; param queues 4; }
  subdevice d { sf 4; /- netdev "$x"; }
  repeat 2 as="i" {}   // !empty
  use "t" x="${i}" y="$i" z="10Gbit" v="*" w="" \ // !join
     u=1.50e3
  // !last

}
/* !end */"##;
    let after = formed(text).expect("a form");
    assert_eq!(comments(&after), comments(text));
    insta::assert_snapshot!(after);
}

#[test]
fn the_form_of_every_file_that_is_kdl_is_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for folder in
        ["tests/broken", "tests/broken/fragments", "../examples", "../schemas", "../schemas/drivers"]
    {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let Some(once) = formed(&text) else { continue };
            assert_eq!(formed(&once).as_ref(), Some(&once), "{}", path.display());
            let says = |text: &str| {
                let diagnostics = compile("a.kdl", text).diagnostics;
                let mut says: Vec<_> =
                    diagnostics.into_iter().map(|found| (found.code, found.message)).collect();
                says.sort();
                says
            };
            assert_eq!(says(&once), says(&text), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 40, "{count} files have a form");
    assert_eq!(formed(QUICKSTART).as_deref(), Some(QUICKSTART), "the example is in its form");
}

#[test]
fn what_is_not_kdl_has_no_form() {
    let unformed = format("a.kdl".into(), "a {\n").expect_err("no form");
    assert_eq!(unformed.diagnostics.len(), 1);
}

proptest! {
    /// However a file is spaced, it is the same file, and one form later it is in its form.
    #[test]
    fn the_form_changes_nothing_but_the_form(
        spaces in vec(prop::sample::select(&[" ", "  ", "\t", " /* c */ ", " \\\n ", " \\ // c\n"][..]), 200),
        ends in vec(prop::sample::select(&["\n", "\n\n\n", ";", " ; ", "\r\n", " // c\n", "\n// c\n"][..]), 60),
    ) {
        let (mut spaces, mut ends) = (spaces.into_iter().cycle(), ends.into_iter().cycle());
        let mut text = String::new();
        for line in QUICKSTART.lines().filter(|line| !line.is_empty() && !line.starts_with("//")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            for (place, word) in words.iter().enumerate() {
                if place > 0 {
                    text.push_str(spaces.next().unwrap_or(" "));
                }
                text.push_str(word);
            }
            text.push_str(ends.next().unwrap_or("\n"));
        }
        let straight = compile("a.kdl", QUICKSTART).host.expect("a host");
        let once = formed(&text).expect("a form");
        let host = compile("a.kdl", &once).host;
        prop_assert!(host.is_some(), "{once}");
        prop_assert_eq!(
            without_spans(&format!("{:#?}", straight.model)),
            without_spans(&format!("{:#?}", host.expect("a host").model))
        );
        let comments = |text: &str| text.matches("/* c */").count() + text.matches("// c").count();
        prop_assert_eq!(comments(&once), comments(&text), "{}", once);
        prop_assert_eq!(formed(&once), Some(once.clone()), "{}", once);
    }
}
