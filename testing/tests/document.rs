//! `docs/testing-your-hosts.md` shows the files of the example crate as they are.

use std::fs;
use std::path::Path;

#[test]
fn the_document_shows_what_is_compiled_and_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join("docs/testing-your-hosts.md")).expect("the document");
    let mut shown = 0;
    // A file is its path on a line of its own, and a block with its text.
    for block in document.split("\n`").skip(1) {
        let Some((path, rest)) = block.split_once("`:\n\n```") else { continue };
        let (_, rest) = rest.split_once('\n').expect("a text");
        let (text, _) = rest.split_once("```\n").expect("the end of the block");
        let file =
            fs::read_to_string(root.join("examples/gitops").join(path)).expect("the file that is shown");
        assert!(text == file, "{path} is another than in the document");
        shown += 1;
    }
    assert_eq!(shown, 4);
}
