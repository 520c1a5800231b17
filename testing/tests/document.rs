//! `docs/testing-your-hosts.md` shows the files of the example crate as they are.

use std::fs;
use std::path::Path;

#[test]
fn the_document_shows_what_is_compiled_and_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(root.join("docs/testing-your-hosts.md")).expect("the document");
    let mut shown = 0;
    // A file is its path on a line of its own, and a block with its text.
    for (at, _) in document.match_indices("`:\n\n```") {
        let (_, path) = document[..at].rsplit_once('`').expect("the beginning of a path");
        let (_, rest) = document[at + 5..].split_once('\n').expect("a text");
        let (text, _) = rest.split_once("```\n").expect("the end of the block");
        let file =
            fs::read_to_string(root.join("examples/gitops").join(path)).expect("the file that is shown");
        assert!(text == file, "{path} is another than in the document");
        shown += 1;
    }
    assert_eq!(shown, 4);
}
