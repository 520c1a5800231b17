//! Devices that are found by what they are, and what they must offer.

use crate::run::{Host, host_with, snapshot};

const FOUND: &str = "subdevcfg version=1\nhost \"*\"\ndevice fabric { match WANTED; lifeline #false; \
                     subdevice a { sf 1; representor a_r up=#true; } }\n";

fn found(wanted: &str) -> String {
    FOUND.replace("WANTED", wanted)
}

/// Two parents in switchdev mode, the second one with a serial number and a slot.
fn two() -> Host {
    let host = Host::new();
    host.apply(
        "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic0\" { create; eswitch mode=switchdev; }\n\
         device \"subdev/nic1\" { create; eswitch mode=switchdev; }\n",
    );
    host.forget_record();
    host.edit(|host| {
        host["parents"]["nic1"]["hardware"] =
            serde_json::json!({ "board_serial": "MT2117X", "pci_slot": "3", "port": 1, "firmware": "22.41.1000" });
    });
    host
}

#[test]
fn a_device_is_found_by_what_it_is() {
    let host = two();
    for wanted in ["board-serial=MT2117X", "pci-slot=\"3\" port=1", "driver=subdev pci-slot=\"3\""] {
        let plan = host.plan_json(&found(wanted));
        assert_eq!(plan["operations"][0]["request"]["parent"], "subdev/nic1", "{wanted}: {plan:#}");
        assert_eq!(plan["operations"][0]["address"], "fabric#a");
    }
    let text = found("pci-slot=\"3\" port=1");
    snapshot("cli", "found-device", &host.plan(&text).all());
    host.apply(&text);
    assert!(host.plan(&text).stdout.contains("Nothing to do"));
    host.write("host.kdl", &text);
    let done = host.run(&["destroy", "host.kdl", "--yes", "--allow", "subdevice-delete"]);
    assert_eq!(done.code, 0, "{}", done.all());
    assert_eq!(host.config()["parents"]["subdev/nic1"]["functions"].as_array().unwrap().len(), 0);
}

#[test]
fn a_device_that_is_not_there_is_deferred_and_one_of_two_is_refused() {
    let host = two();
    let none = host.plan(&found("pci-slot=\"9\""));
    assert_eq!(none.code, 4);
    snapshot("cli", "no-such-device", &none.all());
    let both = host.plan(&found("driver=subdev"));
    snapshot("cli", "two-such-devices", &both.all());
    let twice = found("pci-slot=\"3\"") + "device \"subdev/nic1\" { subdevice b { sf 2; } }\n";
    snapshot("cli", "found-and-named", &host.plan(&twice).all());
}

#[test]
fn what_a_device_must_offer_is_checked_before_anything_is_done() {
    let host = two();
    let device = |require: &str| {
        format!(
            "subdevcfg version=1\nhost \"*\"\ndevice \"subdev/nic1\" {{ require {require}; subdevice a {{ sf 1; }} }}\n"
        )
    };
    for (require, fits) in [
        ("sf-capacity=256 firmware=\">=22.39\"", true),
        ("sf-capacity=257", false),
        ("firmware=\">=22.42\"", false),
    ] {
        let plan = host.plan_json(&device(require));
        assert_eq!(plan["refusals"].as_array().unwrap().is_empty(), fits, "{require}: {plan:#}");
    }
    snapshot("cli", "required", &host.plan(&device("sf-capacity=300 firmware=\">=22.42\"")).all());
    // A parent that is made has what it is made with; what nobody tells is no promise.
    let made = host_with("require sf-capacity=5; subdevice a { sf 1; }");
    assert!(Host::new().plan(&made).stdout.contains("it has room for 4 subfunctions"));
    host.edit(|host| host["parents"]["nic1"]["hardware"] = serde_json::json!({}));
    assert!(host.plan(&device("firmware=\">=22\"")).stdout.contains("does not tell which firmware runs"));
}
