//! What was recorded on real kernels is understood; damaged, it is an error, and never a panic or a silent "nothing there".
//!
//! The recordings are made in the lab by `lab/tests/kernel/counts.rs` and `lab/tests/drivers/vdpa.rs`, which say how.
#![expect(clippy::unwrap_used, reason = "what a test cannot go on without is a failed test")]

use std::fmt::Write as _;

use subdevcfg_netlink::NetlinkError;
use subdevcfg_netlink::devlink::{Devlink, Handle};
use subdevcfg_netlink::rdma::Rdma;
use subdevcfg_netlink::recording::{Line, Recording, Replay};
use subdevcfg_netlink::route::Route;
use subdevcfg_netlink::vdpa::Vdpa;

/// All that is read of a kernel: each question with its answer.
fn devlink(recording: &Recording) -> Result<Vec<String>, NetlinkError> {
    let mut devlink = Devlink::new(Replay::new(recording.clone()))?;
    let nic0 = Handle { bus: "subdev".to_owned(), device: "nic0".to_owned() };
    Ok(vec![
        format!("{:#?}", devlink.instances()?),
        format!("{:#?}", devlink.ports(None)?),
        format!("{:#?}", devlink.params(None)?),
        format!("{:#?}", devlink.rates(None)?),
        format!("{:#?}", devlink.infos()?),
        format!("{:#?}", devlink.recoveries(None)?),
        format!("{:#?}", devlink.eswitch(&nic0)?),
        format!("{:#?}", devlink.resources(&nic0)?),
    ])
}

fn route(recording: &Recording) -> Result<Vec<String>, NetlinkError> {
    let mut route = Route::new(Replay::new(recording.clone()));
    Ok(vec![
        format!("{:#?}", route.links()?),
        format!("{:#?}", route.addresses()?),
        format!("{:#?}", route.default_routes()?),
        format!("{:#?}", filters(&mut route)?),
    ])
}

/// What is asked of links that can have filters.
fn filters(route: &mut Route<Replay>) -> Result<Vec<String>, NetlinkError> {
    let mut found = Vec::new();
    for (link, hooks) in route.hooks()? {
        for hook in hooks {
            found.push(format!("{hook:?} of link {link}: {:?}", route.filters(link, hook)?));
        }
    }
    Ok(found)
}

fn rdma(recording: &Recording) -> Result<Vec<String>, NetlinkError> {
    let mut rdma = Rdma::new(Replay::new(recording.clone()));
    let mut found = Vec::new();
    for device in rdma.used()? {
        found.push(format!("{device:#?} over {:?}", rdma.interfaces(device.index)?));
        for resource in device.used {
            found.push(format!("{resource:?}: {:?}", rdma.holders(device.index, resource)?));
        }
    }
    Ok(found)
}

fn vdpa(recording: &Recording) -> Result<Vec<String>, NetlinkError> {
    let mut vdpa = Vdpa::new(Replay::new(recording.clone()));
    Ok(vec![
        format!("{:#?}", vdpa.management_devices()?),
        format!("{:#?}", vdpa.devices()?),
        format!("{:#?}", vdpa.configs()?),
    ])
}

type Read = fn(&Recording) -> Result<Vec<String>, NetlinkError>;

fn recordings() -> Vec<(&'static str, Recording, Read)> {
    let all = [
        ("6.1-devlink", include_str!("recordings/6.1.devlink.txt"), devlink as Read),
        ("6.1-route", include_str!("recordings/6.1.route.txt"), route),
        ("6.1-rdma", include_str!("recordings/6.1.rdma.txt"), rdma),
        ("6.12-devlink", include_str!("recordings/6.12.devlink.txt"), devlink),
        ("6.12-route", include_str!("recordings/6.12.route.txt"), route),
        ("6.12-rdma", include_str!("recordings/6.12.rdma.txt"), rdma),
        ("6.12-vdpa", include_str!("recordings/6.12.vdpa.txt"), vdpa),
    ];
    all.into_iter().map(|(name, text, read)| (name, text.parse().unwrap(), read)).collect()
}

#[test]
fn what_kernels_said_is_understood() {
    for (name, recording, read) in recordings() {
        let mut text = String::new();
        for answer in read(&recording).unwrap() {
            writeln!(text, "{answer}").unwrap();
        }
        insta::assert_snapshot!(name, text);
    }
}

/// The recording with one of its answers changed.
fn with(recording: &Recording, at: usize, change: impl FnOnce(&mut Vec<u8>)) -> Recording {
    let mut changed = recording.clone();
    if let Line::Received(datagram) = &mut changed.0[at] {
        change(datagram);
    }
    changed
}

fn answers(recording: &Recording) -> Vec<(usize, usize)> {
    let length = |(at, line): (usize, &Line)| match line {
        Line::Received(datagram) => Some((at, datagram.len())),
        Line::Sent(_) => None,
    };
    recording.0.iter().enumerate().filter_map(length).collect()
}

/// Where messages begin in a datagram. Cut there, it is a datagram as the kernel could have sent it: nothing in the
/// protocol tells that messages are missing but the missing end of the dump, and a lost datagram (`ENOBUFS`).
fn beginnings(datagram: &[u8]) -> Vec<usize> {
    let mut all = vec![0];
    while let Some(length) = datagram.get(all[all.len() - 1]..).and_then(|rest| rest.get(..4)) {
        let length = u32::from_ne_bytes(length.try_into().unwrap()) as usize;
        all.push(all[all.len() - 1] + length.next_multiple_of(4));
    }
    all
}

/// Whether the kernel says nothing more after this line of a recording.
fn is_last(recording: &Recording, at: usize) -> bool {
    !matches!(recording.0.get(at + 1), Some(Line::Received(_)))
}

#[test]
fn a_cut_answer_is_an_error_and_never_less_than_there_is() {
    for (name, recording, read) in recordings() {
        let whole = read(&recording).unwrap();
        for (at, length) in answers(&recording) {
            // At every fourth byte, which is where messages and attributes begin, and in the middle of them.
            let Line::Received(datagram) = &recording.0[at] else { continue };
            let beginnings = if is_last(&recording, at) { vec![] } else { beginnings(datagram) };
            let cuts = (0..length).step_by(4).chain((2..length).step_by(64));
            for cut in cuts.filter(|cut| !beginnings.contains(cut)) {
                let read = read(&with(&recording, at, |datagram| datagram.truncate(cut)));
                if let Ok(found) = read {
                    assert_eq!(found, whole, "{name}: answer {at} cut to {cut} of {length} bytes");
                }
            }
            if !is_last(&recording, at) {
                continue;
            }
            let mut without = recording.clone();
            without.0.remove(at);
            if let Ok(found) = read(&without) {
                assert_eq!(found, whole, "{name}: without answer {at}");
            }
        }
    }
}

#[test]
fn no_damage_is_a_panic() {
    // Not random: every byte once, each with another bit.
    for (_, recording, read) in recordings() {
        for (at, length) in answers(&recording) {
            for byte in (0..length).step_by(3) {
                // Whatever it says.
                drop(read(&with(&recording, at, |datagram| datagram[byte] ^= 1 << (byte % 8))));
                drop(read(&with(&recording, at, |datagram| datagram[byte] = 0xff)));
            }
        }
    }
}

#[test]
fn a_recording_comes_back_as_it_was_written() {
    for (_, recording, _) in recordings() {
        assert_eq!(recording.to_text().parse::<Recording>().unwrap(), recording);
        assert!(recording.sent() > 2);
    }
    assert_eq!("> 00\n? 12\n".parse::<Recording>().unwrap_err().line, 2);
    assert!("> 0".parse::<Recording>().is_err());
}
