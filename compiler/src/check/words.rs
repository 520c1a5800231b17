//! Words of a subdevice that do not go with each other.

use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Device, Lifecycle, PortFunction, Subdevice};

pub(super) fn check(device: &Device, diagnostics: &mut Vec<Diagnostic>) {
    for subdevice in &device.subdevices {
        diagnostics.extend(other_lifecycle(subdevice).or_else(|| of_the_other_side(subdevice)));
        diagnostics.extend(bound_away(subdevice));
        diagnostics.extend(carries_nothing(subdevice));
        diagnostics.extend(absent(subdevice));
        diagnostics.extend(former_name(device, subdevice));
        diagnostics.extend(mtus(device, subdevice));
        unknown_attributes(subdevice, diagnostics);
    }
    for ignored in &device.ignored {
        let words = ["eswitch.", "uplink.", "rate-node[", "vdpa[", "param[", "vfs"];
        if !words.iter().any(|word| ignored.value.starts_with(word)) {
            let message = format!("a device has no attribute `{}`", ignored.value);
            diagnostics.push(Diagnostic::new(Code::UnknownAttribute, message, ignored.span, "unknown").help(
                "as addresses name it: `eswitch.mode`, `uplink.mtu`, `param[NAME,CMODE]`; a subdevice's stands in its block",
            ));
        }
    }
}

/// What only VFs have: some attributes, and what is of PCI.
fn other_lifecycle(subdevice: &Subdevice) -> Option<Diagnostic> {
    let of_vf =
        matches!(subdevice.lifecycle.value, Lifecycle::Vf { .. } | Lifecycle::External { vf: Some(_), .. });
    if of_vf {
        return None;
    }
    let attributes = subdevice.function.given().filter(|(word, _)| PortFunction::OF_VFS.contains(word));
    let legacy = subdevice.legacy.as_ref().map(|legacy| ("legacy", legacy.span));
    let bind = subdevice.bind.as_ref().map(|driver| ("bind", driver.span));
    let (word, span) = attributes.chain(legacy).chain(bind).next()?;
    let lifecycle = &subdevice.lifecycle;
    let message = format!("`{word}` is for VFs, and `{}` is none", subdevice.name.value);
    Some(
        Diagnostic::new(Code::OtherLifecycle, message, span, "for VFs only")
            .and(lifecycle.span, format!("this is `{}`", lifecycle.value.word()))
            .help(format!("remove the `{word}`, or make the subdevice a VF: `vf INDEX`")),
    )
}

/// What functions have where they run; here is only the port of one of the other side.
fn of_the_other_side(subdevice: &Subdevice) -> Option<Diagnostic> {
    let lifecycle = &subdevice.lifecycle;
    let (made_here, why) = match lifecycle.value {
        Lifecycle::External { .. } => (false, "the other side makes it".to_owned()),
        Lifecycle::Sf { controller: controller @ 1.., .. } => {
            (true, format!("the host of controller {controller} runs it"))
        }
        _ => return None,
    };
    let absent = subdevice.absent.as_ref().filter(|absent| absent.value && !made_here);
    let words = [
        ("absent", absent.map(|absent| absent.span)),
        ("netdev", subdevice.netdev.as_ref().map(|netdev| netdev.span)),
        ("param", subdevice.params.first().map(|param| param.value.span)),
        ("legacy", subdevice.legacy.as_ref().map(|legacy| legacy.span)),
        ("bind", subdevice.bind.as_ref().map(|driver| driver.span)),
    ];
    let (word, span) = words.into_iter().find_map(|(word, span)| Some((word, span?)))?;
    let message = format!("`{word}` is for functions of this host, and `{}` is none", subdevice.name.value);
    Some(
        Diagnostic::new(Code::OtherLifecycle, message, span, "not for functions of the other side")
            .and(lifecycle.span, why)
            .help(format!(
                "remove the `{word}`: here is the port of the function, with `function`, `rate` and `representor`"
            )),
    )
}

/// A netdev in the host, of a function that another driver than a network driver holds.
fn bound_away(subdevice: &Subdevice) -> Option<Diagnostic> {
    let driver = subdevice.bind.as_ref().filter(|driver| driver.value.contains("vfio"))?;
    let netdev = subdevice.netdev.as_ref()?;
    let message = format!("a function that is bound to `{}` has no netdev in the host", driver.value);
    Some(
        Diagnostic::new(Code::BoundAway, message, netdev.span, "not there while it is bound")
            .and(driver.span, "bound here")
            .help("remove the `netdev`: it belongs to the virtual machine; or remove the `bind`"),
    )
}

/// A mediated device on a VF that carries none: a virtual machine has it whole, or another host has it.
fn carries_nothing(subdevice: &Subdevice) -> Option<Diagnostic> {
    let carrying = &subdevice.lifecycle;
    let Lifecycle::Vf { mdev: Some(_), controller, .. } = carrying.value else { return None };
    if controller > 0 {
        let message = "a VF of another host carries no mediated device of this one";
        return Some(
            Diagnostic::new(Code::OtherLifecycle, message, carrying.span, "of another controller")
                .help("remove the `mdev`, or the `controller=`"),
        );
    }
    let driver = subdevice.bind.as_ref().filter(|driver| driver.value == "vfio-pci")?;
    let message = "a VF that is bound to `vfio-pci` carries no mediated device";
    Some(
        Diagnostic::new(Code::BoundAway, message, carrying.span, "it is to carry one")
            .and(driver.span, "bound here")
            .help(
                "remove the `bind`, or name the driver that makes mediated devices of the VF; or remove the `mdev`",
            ),
    )
}

fn absent(subdevice: &Subdevice) -> Option<Diagnostic> {
    let absent = subdevice.absent.as_ref().filter(|absent| absent.value)?;
    let protect = subdevice.protect.as_ref().filter(|protect| protect.value);
    let more = [
        ("protect", protect.map(|value| value.span)),
        ("function", subdevice.function.place()),
        ("netdev", subdevice.netdev.as_ref().map(|netdev| netdev.span)),
        ("representor", subdevice.representor.as_ref().map(|representor| representor.span)),
        ("bind", subdevice.bind.as_ref().map(|driver| driver.span)),
        ("legacy", subdevice.legacy.as_ref().map(|legacy| legacy.span)),
    ];
    let (word, span) = more.into_iter().find_map(|(word, span)| Some((word, span?)))?;
    let message = format!("`{}` must not be there, and has a `{word}`", subdevice.name.value);
    Some(
        Diagnostic::new(Code::AbsentAndMore, message, span, "of what is absent")
            .and(absent.span, "absent")
            .help("of an absent subdevice only what says which one it is has a meaning"),
    )
}

fn former_name(device: &Device, subdevice: &Subdevice) -> Option<Diagnostic> {
    let was = subdevice.was.as_ref()?;
    let same = |other: &&Subdevice| other.name.value == was.value;
    if let Some(other) = device.subdevices.iter().find(same) {
        let message =
            format!("`{}` cannot have been `{}`: that one is still here", subdevice.name.value, was.value);
        return Some(
            Diagnostic::new(Code::FormerName, message, was.span, "in use")
                .and(other.name.span, "described here")
                .help("remove `was=` once the new name has been applied everywhere"),
        );
    }
    let earlier = device.subdevices.iter().filter_map(|other| other.was.as_ref());
    let first = earlier.filter(|other| other.value == was.value).map(|other| other.span).min()?;
    (first < was.span).then(|| {
        let message = format!("two subdevices say that they were `{}`", was.value);
        Diagnostic::new(Code::FormerName, message, was.span, "said again")
            .and(first, "first said here")
            .help("only one of them can have been it")
    })
}

/// Frames of a representor leave by the uplink.
fn mtus(device: &Device, subdevice: &Subdevice) -> Option<Diagnostic> {
    let uplink = device.uplink.mtu.as_ref()?;
    let interfaces = subdevice.netdev.iter().chain(&subdevice.representor);
    let mtu =
        interfaces.filter_map(|interface| interface.mtu.as_ref()).find(|mtu| mtu.value > uplink.value)?;
    let message = format!("the MTU {} is above the uplink's {}", mtu.value, uplink.value);
    Some(
        Diagnostic::new(Code::MtuAboveUplink, message, mtu.span, "its frames do not fit through the uplink")
            .and(uplink.span, "the MTU of the uplink")
            .help(format!("write `uplink mtu={}` or more, or a smaller MTU here", mtu.value)),
    )
}

/// What can be ignored of a subdevice, as its addresses name it.
const ATTRIBUTES: [(&str, &[&str]); 6] = [
    ("function", &["mac", "roce", "max-io-eqs", "migratable", "ipsec-crypto", "ipsec-packet"]),
    ("rate", &["tx-max", "tx-share", "tx-priority", "tx-weight", "parent"]),
    ("netdev", &["name", "mtu", "up"]),
    ("representor", &["name", "mtu", "up", "bridge"]),
    ("legacy", &["mac", "vlan", "trust", "spoofchk", "link-state", "rate-min", "rate-max"]),
    ("bind", &["driver"]),
];

fn unknown_attributes(subdevice: &Subdevice, diagnostics: &mut Vec<Diagnostic>) {
    let known =
        || ATTRIBUTES.iter().flat_map(|(part, names)| names.iter().map(move |name| format!("{part}.{name}")));
    for ignored in &subdevice.ignored {
        if ignored.value.starts_with("param[") || known().any(|name| name == ignored.value) {
            continue;
        }
        let names: Vec<String> = known().collect();
        let message = format!("a subdevice has no attribute `{}`", ignored.value);
        let diagnostic = Diagnostic::new(Code::UnknownAttribute, message, ignored.span, "unknown");
        diagnostics.push(match crate::nearest::nearest(&ignored.value, names.iter().map(String::as_str)) {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
            None => diagnostic.help("as addresses name it: `rate.tx-max`, `netdev.mtu`, `param[NAME,CMODE]`"),
        });
    }
}
