//! What holds for any text.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use kdl::{KdlDocument, KdlNode};
use proptest::collection::vec;
use proptest::prelude::*;
use subdevcfg_compiler::diagnostic::Code;
use subdevcfg_compiler::format::format;
use subdevcfg_compiler::graph::ResourceGraph;
use subdevcfg_compiler::render::render;

use crate::common::{QUICKSTART, compile, without_spans};

/// Long enough for a slow machine under load, far below what an exponential parser needs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Files with every word of the language in them, and with every way to say a thing elsewhere.
const ORDERED: &[&str] = &[
    QUICKSTART,
    include_str!("../whole.kdl"),
    "subdevcfg version=1\nhost node-17 uuid-seed=x { label role=edge; }\nlet mtu=\"${small * 2}\" small=1000\n\
     template pair { parameter n; parameter rate default=\"1Gbit\"\n  subdevice \"a${n}\" { sf; netdev \"a${n}\" mtu=$mtu; rate tx-max=$rate; }\n  \
     subdevice \"b${n}\" { mdev type=eth; function mac=auto; netdev \"b${n}\"; param queues 2; }\n}\n\
     device \"subdev/nic0\" {\n  create\n  eswitch mode=switchdev\n  sf-numbers from=100 to=999\n  \
     repeat 3 as=i { use pair n=$i; }\n  use pair n=9 rate=\"2Gbit\"\n}\n\
     override { device \"subdev/nic0\" { subdevice b9 { netdev mtu=1400; }; }; }\n",
];

/// What a node is sorted by: `attr` lines are written in the order given, and keep it.
fn key(node: &KdlNode, keys: &mut impl Iterator<Item = u32>) -> u32 {
    if node.name().value() == "attr" { 0 } else { keys.next().unwrap_or_default() }
}

/// Puts the nodes of every block into another order, which `keys` choose.
fn shuffle(document: &mut KdlDocument, keys: &mut impl Iterator<Item = u32>) {
    let mut nodes: Vec<(u32, KdlNode)> =
        document.nodes_mut().drain(..).map(|node| (key(&node, keys), node)).collect();
    nodes.sort_by_key(|&(key, ref node)| (node.name().value() != "subdevcfg", key));
    for (_, mut node) in nodes {
        if let Some(children) = node.children_mut() {
            shuffle(children, keys);
        }
        document.nodes_mut().push(node);
    }
}

/// Whatever the compiler makes of a text, it can be shown, and is nothing but errors or a host.
fn survives(text: &str) {
    let begin = Instant::now();
    let compilation = compile("mutated.kdl", text);
    let rendered = render(&compilation.diagnostics, &compilation.sources, 100, false);
    assert_eq!(compilation.diagnostics.is_empty(), rendered.is_empty());
    assert!(compilation.host.is_some() || !compilation.diagnostics.is_empty());
    if let Ok(once) = format("a.kdl".into(), text) {
        let twice = format("a.kdl".into(), &once).map_err(|unformed| unformed.diagnostics);
        assert_eq!(twice, Ok(once), "{text:?}");
    }
    let (elapsed, beginning) = (begin.elapsed(), text.chars().take(200).collect::<String>());
    assert!(elapsed < PATIENCE, "{elapsed:?} for {} bytes: {beginning:?}", text.len());
}

/// Every edge leads forward in the order, and every resource is in it: there is no cycle.
fn is_ordered(graph: &ResourceGraph) {
    let order = graph.order();
    assert_eq!(order.len(), graph.nodes().count());
    let place = |address| order.iter().position(|&other| other == address);
    for edge in graph.edges() {
        assert!(place(edge.from) < place(edge.to), "{edge:?}");
    }
}

/// A host file with these subdevices: lifecycle, parts and params by the bits of a number.
fn host_file(subdevices: &[u8], parent_param: bool) -> String {
    let mut text =
        "subdevcfg version=1\nhost h\ndevice \"subdev/nic0\" {\n  create\n  eswitch mode=switchdev\n"
            .to_owned();
    if parent_param {
        text.push_str("  param reload_me 1 cmode=driverinit\n");
    }
    for (number, bits) in subdevices.iter().enumerate() {
        let lifecycle = if bits & 1 == 0 { format!("sf {number}") } else { "mdev type=eth".to_owned() };
        let _ = writeln!(text, "  subdevice s{number} {{\n    {lifecycle}");
        for (bit, part) in [
            (2, format!("function mac=\"02:00:00:00:01:{number:02x}\"")),
            (4, format!("netdev n{number}")),
            (8, format!("representor r{number}")),
            (16, "param queues 2".to_owned()),
            (32, "param later 1 cmode=runtime".to_owned()),
        ] {
            if bits & bit != 0 {
                let _ = writeln!(text, "    {part}");
            }
        }
        text.push_str("  }\n");
    }
    text + "}\n"
}

proptest! {
    #[test]
    fn the_order_of_nodes_never_matters(keys in vec(any::<u32>(), 96), which in 0..ORDERED.len()) {
        let text = ORDERED[which];
        let straight = compile("a.kdl", text).host.expect("a host");
        let mut document = KdlDocument::parse_v2(text).expect("KDL");
        shuffle(&mut document, &mut keys.into_iter());
        let shuffled = compile("b.kdl", &document.to_string()).host.expect("a host");
        prop_assert_eq!(
            without_spans(&format!("{:#?}", straight.model)),
            without_spans(&format!("{:#?}", shuffled.model))
        );
        prop_assert_eq!(straight.graph.to_dot(), shuffled.graph.to_dot());
    }

    /// Whatever is asked for how often, and by which names: the same text is the same host, and in its form still.
    #[test]
    fn what_is_expanded_is_always_the_same(
        count in 0_u32..40,
        from in 0_u32..1_000,
        step in 1_u32..5,
        width in 1_usize..5,
        mtu in 68_u32..9_000,
    ) {
        let text = format!(
            "subdevcfg version=1\nhost h\nlet mtu={mtu} base=\"02:00:00:00:00:00\"\ntemplate tenant {{ parameter n; parameter m default=$mtu\n  \
             subdevice \"t${{n:0{width}d}}\" {{ sf $n; function mac=\"${{base}}+${{n}}\"; netdev \"t${{n}}\" mtu=$m; representor \"r${{n}}\"; }}\n}}\n\
             device \"subdev/nic0\" {{ eswitch mode=switchdev; repeat {count} as=i from={from} step={step} {{ use tenant n=$i; }}; }}\n"
        );
        let once = compile("a.kdl", &text).host.expect("a host");
        prop_assert_eq!(once.model.devices[0].subdevices.len(), usize::try_from(count).expect("a count"));
        let again = compile("a.kdl", &text).host.expect("a host");
        prop_assert_eq!(format!("{:?}", &once.model), format!("{:?}", &again.model));
        let formed = format("a.kdl".into(), &text).expect("a form");
        let formed = compile("a.kdl", &formed).host.expect("a host");
        prop_assert_eq!(
            without_spans(&format!("{:#?}", once.model)),
            without_spans(&format!("{:#?}", formed.model))
        );
        prop_assert_eq!(once.graph.to_dot(), formed.graph.to_dot());
    }

    #[test]
    fn the_graph_of_any_host_has_an_order(subdevices in vec(any::<u8>(), 0..12), parent_param: bool) {
        let compilation = compile("a.kdl", &host_file(&subdevices, parent_param));
        let host = compilation.host.expect("a host");
        is_ordered(&host.graph);
    }

    #[test]
    fn mutated_texts_are_survived(
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..8),
        end in any::<prop::sample::Index>(),
        cut: bool,
    ) {
        let mut bytes = QUICKSTART.as_bytes().to_vec();
        for (place, byte, edit) in edits {
            let place = place.index(bytes.len());
            match edit {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => _ = bytes.remove(place),
            }
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn texts_of_kdl_tokens_are_survived(tokens in vec(prop::sample::select(TOKENS), 0..60)) {
        survives(&tokens.concat());
    }

    /// The pass before the parser has rules of its own; it must not refuse what is KDL, but for those that it is there for.
    #[test]
    fn what_is_kdl_is_not_called_a_syntax_error(tokens in vec(prop::sample::select(TOKENS), 0..12)) {
        let text = tokens.concat();
        if KdlDocument::parse_v2(&text).is_ok() {
            for found in compile("a.kdl", &text).diagnostics {
                let own = matches!(found.code, Code::BareInterpolation | Code::TypeAnnotation);
                prop_assert!(own || !found.code.as_str().starts_with("E01"), "{found:?} in {text:?}");
            }
        }
    }
}

/// What KDL is made of, and what trips parsers.
const TOKENS: &[&str] = &[
    "device ",
    "subdevice ",
    "sf ",
    "a",
    "1",
    " ",
    " ",
    "\n",
    "\n",
    ";",
    "{",
    "{",
    "}",
    "}",
    "/-",
    "/-{",
    "=",
    "\"",
    "\"\"\"",
    "\"\"\"\n",
    "#",
    "##",
    "#\"",
    "\"#",
    "#true",
    "/*",
    "*/",
    "//",
    "\\",
    "\\\n",
    "(",
    ")",
    "(u8)",
    "-",
    ".",
    "mac=",
    "\"x\"",
    "\u{feff}",
    "\u{2028}",
    "é",
    "[",
    "0x",
    "\r\n",
    "${",
    "/",
];

#[test]
fn nesting_of_any_kind_is_judged_in_no_time() {
    for nest in [
        "a /-\n{\n",
        "a {} /-{\n",
        "a /-{ b {\n",
        "/-a { b /-{\n",
        "a /-{}\n",
        "a /-{} /-{} {\n",
        "a /-\\\n{",
        "a /-/* */{",
        "a b=/-{",
        "a (/-{",
        "/-{} a {",
        "a /-{\n",
        "/-{\n",
        "a /- {",
        "/-a {\n",
        "a /-b {\n",
        "a {\n",
        "a /-b /-{\n",
    ] {
        for depth in [10, 30, 60, 64, 65, 1_000, 10_000] {
            survives(&nest.repeat(depth));
            survives(&(nest.repeat(depth) + &"}\n".repeat(depth)));
        }
    }
}

#[test]
fn long_lines_are_read_once() {
    for line in [
        "{",
        "}",
        "{}",
        " {",
        "#\"a\"#",
        "#\"",
        "\"a\"",
        "/**/",
        "a=",
        "a=b",
        "a/",
        "\\",
        "(",
        ")",
        "(a)",
        "[",
        "a ]\n",
        "a {} b\n",
        "1\n",
        "#true\n",
        "/*",
        "/* */ ",
        "\"a\"b\n",
        "\"\\q\"\n",
        "a \"\\q\"\n",
        "/-",
        "/-;",
        "/-\n}",
        "a b/-c\n",
        "- ",
        "=a ",
        "a #\"\"\"#\n",
        "\u{feff}a\n",
    ] {
        let text = line.repeat(20_000);
        survives(&format!("{text}\n"));
        survives(&format!("\"\n{text}\n"));
    }
}
