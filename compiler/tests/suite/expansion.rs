//! What includes, templates, repetitions and names become: the same as if it had been written out.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::common::{compile, compile_files, without_spans};
use subdevcfg_compiler::diagnostic::Code;
use subdevcfg_compiler::render::render;

/// The model of the first of these files, which has no errors and nothing to warn of.
fn model(files: &[(&str, &str)]) -> String {
    let compilation = compile_files(files);
    let rendered = render(&compilation.diagnostics, &compilation.sources, 100, false);
    assert_eq!(rendered, "");
    without_spans(&format!("{:#?}", compilation.host.expect("a host").model))
}

const HOST: &str = r##"
subdevcfg version=1
include "../profiles/edge.kdl" nic="subdev/nic0" tenants=2
include "local.kdl" optional=#true
let mtu=9000 jumbo="${mtu - from-below}" from-below=100
host node-17 hostname="${site}-17" { label cost="$$5" raw=#"$mtu ${x}"# }
let site=ams
device "subdev/nic0" {
    create max-subdevices=16
    subdevice web0 {
        sf "${2 * (40 + 4)}"
        function mac="02:00:00:00:00:fe+${2 + 1}"
        netdev "web${0}" mtu=$jumbo up=$on
    }
    use tenant name=x number=7 mtu="$jumbo"
}
let on=#true
override {
    device "subdev/nic0" {
        subdevice t1 { netdev mtu=1600; }
        param spoof_check #false
    }
}
"##;

const PROFILE: &str = r#"
subdevcfg version=1
include "lib/tenant.kdl"
parameter nic
parameter tenants
device $nic driver=subdev {
    eswitch mode=switchdev
    param spoof_check #true
    repeat $tenants as=i from=1 step=2 { use tenant name="t${i}" number="${100 + i}"; }
}
"#;

const TENANT: &str = r#"
subdevcfg version=1
template tenant {
    parameter name
    parameter number
    parameter mtu default=$usual
    subdevice $name {
        use numbered number=$number
        netdev "${name}" mtu=$mtu
        representor "${name}_${number:04x}"
    }
}
let usual=1500
template numbered { parameter number; sf $number; }
"#;

const WRITTEN_OUT: &str = r##"
subdevcfg version=1
host node-17 hostname="ams-17" { label cost="$$5" raw=#"$mtu ${x}"# }
device "subdev/nic0" driver=subdev {
    create max-subdevices=16
    eswitch mode=switchdev
    param spoof_check #false
    subdevice web0 {
        sf 88
        function mac="02:00:00:00:01:01"
        netdev "web0" mtu=8900 up=#true
    }
    subdevice t1 { sf 101; netdev t1 mtu=1600; representor t1_0065; }
    subdevice t3 { sf 103; netdev t3 mtu=1500; representor t3_0067; }
    subdevice x { sf 7; netdev x mtu=8900; representor x_0007; }
}
"##;

#[test]
fn what_is_expanded_is_what_is_written_out() {
    let files =
        [("hosts/node-17.kdl", HOST), ("profiles/edge.kdl", PROFILE), ("profiles/lib/tenant.kdl", TENANT)];
    // The loader knows the files by these paths only: `..` is taken out.
    assert_eq!(model(&files), model(&[("written.kdl", WRITTEN_OUT)]));
}

#[test]
fn an_address_beyond_the_last_is_an_error() {
    let host = "subdevcfg version=1\nhost a\ndevice \"subdev/nic0\" {\n    subdevice a { sf 1; function mac=\"MAC\"; }\n}\n";
    for (mac, code) in [
        ("fe:ff:ff:ff:ff:ff+0", None),
        ("02:ff:ff:ff:ff:ff+1", Some(Code::UnusableMac)),
        ("ff:ff:ff:ff:ff:ff+1", Some(Code::UnusableMac)),
        ("02:00:00:00:00:00+x", Some(Code::MalformedMac)),
        ("02:00:00:00:00+1", Some(Code::MalformedMac)),
    ] {
        let codes: Vec<_> =
            compile("a.kdl", &host.replace("MAC", mac)).diagnostics.iter().map(|found| found.code).collect();
        assert_eq!(codes, code.into_iter().collect::<Vec<_>>(), "{mac}");
    }
}

proptest! {
    #[test]
    fn a_repetition_is_its_rounds(count in 0_u32..20, from in 0_u32..1000, step in 1_u32..50) {
        let frame = |body: &str| {
            format!("subdevcfg version=1\nhost a\ndevice \"subdev/nic0\" {{\n{body}\n}}\n")
        };
        let repeat = frame(&format!(
            "repeat {count} as=n from={from} step={step} {{ subdevice \"s${{n}}\" {{ sf $n; netdev \"n${{n:05}}\"; }}; }}"
        ));
        let mut body = String::new();
        for number in (0..count).map(|round| from + round * step) {
            let _ = writeln!(body, "subdevice s{number} {{ sf {number}; netdev n{number:05}; }}");
        }
        prop_assert_eq!(model(&[("a.kdl", &repeat)]), model(&[("a.kdl", &frame(&body))]));
    }
}

/// What is left out on one kernel is still checked for the others, and the newest is what is compiled.
#[test]
fn a_condition_holds_for_some_kernels() {
    let text = |old: &str| {
        format!(
            "subdevcfg version=1\nhost a\ndevice \"subdev/nic0\" {{\n    when kernel=\">=6.12\" {{ eswitch mode=switchdev; }}\n    \
             when kernel=\"<6.12\" {{ eswitch mode={old}; }}\n    subdevice s {{ sf 1; }}\n}}\n"
        )
    };
    let good = compile("host.kdl", &text("switchdev"));
    let codes: Vec<_> = good.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, [], "{:#?}", good.diagnostics);
    assert!(good.host.is_some());
    let wrong = compile("host.kdl", &text("legacy"));
    assert!(wrong.host.is_none());
    let messages: Vec<_> = wrong.diagnostics.iter().map(|found| found.message.as_str()).collect();
    assert!(messages.iter().any(|message| message.ends_with(", with a kernel below 6.12")), "{messages:?}");
}
