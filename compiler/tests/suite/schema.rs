//! The schema of the language against the code and the page that it must agree with.

use std::fmt::Display;

use subdevcfg_compiler::schema::{Kind, Schema};
use subdevcfg_compiler::values::{
    BridgeKind, Cmode, EncapMode, EswitchMode, InlineMode, LinkState, Owner, VlanProtocol,
};

fn words(node: &str, property: &str) -> Vec<String> {
    let spec = Schema::language().node(node).and_then(|node| node.property(property)).expect("a property");
    match &spec.kind {
        Kind::Word(words) => words.clone(),
        other => panic!("`{node} {property}=` has words, not {other:?}"),
    }
}

fn all<T: Display>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[test]
fn the_words_of_the_schema_are_those_of_the_types() {
    assert_eq!(words("eswitch", "mode"), all(EswitchMode::ALL));
    assert_eq!(words("eswitch", "inline-mode"), all(InlineMode::ALL));
    assert_eq!(words("eswitch", "encap-mode"), all(EncapMode::ALL));
    assert_eq!(words("param", "cmode"), all(Cmode::ALL));
    assert_eq!(words("bridge", "kind"), all(BridgeKind::ALL));
    assert_eq!(words("hand-over", "to"), all(Owner::ALL));
    assert_eq!(words("legacy", "proto"), all(VlanProtocol::ALL));
    assert_eq!(words("legacy", "link-state"), all(LinkState::ALL));
}

#[test]
fn everything_in_the_schema_is_documented_in_sentences() {
    for node in &Schema::language().nodes {
        let values = node.arguments.iter().chain(&node.properties).map(|spec| &spec.doc);
        for doc in values.chain([&node.doc]) {
            assert!(doc.ends_with('.') && doc.starts_with(char::is_uppercase), "{}: {doc}", node.name);
        }
    }
}
