//! Intel E800: what `ice` demands and does. Sources are files of Linux 6.12.117 below drivers/net/ethernet/intel/ice.
//! Nothing here was tried on hardware.

use nix::errno::Errno;
use subdevcfg_compiler::values::{Cmode, EncapMode, EswitchMode, MacAddr, Rate, Scalar, VlanProtocol};

use super::Answer;
use super::card_requests::{Driver, Host, Place};
use super::cards::{CardPort, Phase, SimulatedCard};
use super::params::{Kind, Params, Spec, Values};
use super::requests::refuse;
use crate::kernel::RequestError;
use crate::resource::{Capability, Child, FunctionId, LegacySetting, Setting};
use crate::state::Rates;

/// `ICE_MAX_MTU` (ice.h): `ICE_AQ_SET_MAC_FRAME_SIZE_MAX` without headers.
const MAX_MTU: u32 = 9702;

/// Priorities are below 8, weights from 1 to 200 (`devlink/devlink.c:921, 950`).
const MOST_PRIORITY: u32 = 7;
const WEIGHTS: std::ops::RangeInclusive<u32> = 1..=200;

/// The names of the scheduler's nodes that are exported as rate nodes begin so (`ice_sched_add_elems`, `ice_sched.c`).
const NODE: &str = "node_";

/// The root of the exported tree, and the number of the first inner node that leafs are below: each tree has another.
const ROOT: &str = "node_0";
const INNER: u64 = 25;

/// devlink/devlink.c:1530-1552.
static OF_PARENT: [Spec; 4] = [
    Spec { name: "enable_roce", cmode: Cmode::Runtime, kind: Kind::Bool { default: true } },
    Spec { name: "enable_iwarp", cmode: Cmode::Runtime, kind: Kind::Bool { default: false } },
    Spec {
        name: "tx_scheduling_layers",
        cmode: Cmode::Permanent,
        kind: Kind::Number { range: 5..=9, default: 9, refusal: LAYERS },
    },
    Spec {
        name: "local_forwarding",
        cmode: Cmode::Runtime,
        kind: Kind::Word {
            words: &["enabled", "disabled", "prioritized"],
            refusal: "Error: Requested value is not supported.",
        },
    },
];

const LAYERS: &str = "Wrong number of tx scheduler layers provided.";

/// The driver.
pub(super) struct Ice;

fn unsupported(message: &str) -> RequestError {
    refuse(Errno::EOPNOTSUPP, message)
}

impl Driver for Ice {
    fn name(&self) -> &'static str {
        "ice"
    }

    fn max_mtu(&self) -> u32 {
        MAX_MTU
    }

    fn params(&self) -> &'static [Spec] {
        &OF_PARENT
    }

    /// `ice_sf_devlink_ops` is empty (`devlink/devlink.c:1302`).
    fn function_params(&self) -> &'static [Spec] {
        &[]
    }

    fn sf_resource(&self) -> Option<&'static str> {
        None
    }

    fn has_inline_mode(&self) -> bool {
        false
    }

    fn first_encap(&self) -> Option<EncapMode> {
        None
    }

    /// `ice_create_vf_entries` (`ice_sriov.c`).
    fn first_spoofchk(&self) -> bool {
        true
    }

    fn counts_restarts(&self) -> bool {
        true
    }

    fn manages_vdpa(&self) -> bool {
        false
    }

    fn has_uplink(&self, _: &SimulatedCard) -> bool {
        true
    }

    /// `ice_eswitch_mode_set` (`ice_eswitch.c:335`): it looks at VFs and at nothing else.
    fn set_mode(&self, card: &mut SimulatedCard, mode: EswitchMode, _: &Host) -> Answer {
        if card.mode == Some(mode) {
            return Ok(());
        }
        if !card.pf.vfs.is_empty() {
            return Err(unsupported("Changing eswitch mode is allowed only if there is no VFs created"));
        }
        // `xa_destroy` of the representors: subfunctions that are there lose theirs.
        if mode == EswitchMode::Legacy {
            card.sfs.values_mut().for_each(|port| {
                port.shown = false;
                port.leaf = None;
            });
        }
        card.mode = Some(mode);
        Ok(())
    }

    fn set_encap(&self, _: &mut SimulatedCard, _: EncapMode) -> Answer {
        Err(unsupported(""))
    }

    /// `ice_devlink_port_new` (`devlink/devlink_port.c:975`), since Linux 6.12.
    fn port_new(&self, card: &mut SimulatedCard, own: u32, id: &FunctionId, host: &mut Host) -> Answer {
        let &FunctionId::Sf { controller, pf, number } = id else {
            return Err(unsupported("Flavour other than pcisf is not supported"));
        };
        if !host.sfs_of_ice {
            return Err(unsupported(""));
        }
        if controller != 0 {
            return Err(unsupported("Setting controller is not supported"));
        }
        if pf != own {
            return Err(refuse(Errno::EINVAL, "Incorrect pfnum supplied"));
        }
        if !card.is_switchdev() {
            return Err(unsupported("SF ports are only supported in eswitch switchdev mode"));
        }
        // `xa_insert` (`devlink/devlink_port.c:840`).
        if card.sfs.contains_key(&number) {
            return Err(refuse(Errno::EBUSY, "Subfunction with given sfnum already exists"));
        }
        if u32::try_from(card.sfs.len()).is_ok_and(|taken| taken >= card.most_sfs) {
            return Err(refuse(Errno::ENOMEM, "Unable to allocate VSI"));
        }
        host.next_random_mac += 1;
        let [.., high, low] = host.next_random_mac.to_be_bytes();
        let mac = MacAddr([2, 0, 0x5e, 1, high, low]);
        let index = next_index(card);
        card.sfs.insert(number, CardPort { mac, ..CardPort::new(index) });
        export_tree(card, host);
        Ok(())
    }

    /// `ice_dealloc_dynamic_port` (`devlink/devlink_port.c:579`): one that runs is stopped on the way.
    fn port_del(&self, card: &mut SimulatedCard, number: u32) {
        card.sfs.remove(&number);
        drop_tree_without_representors(card);
    }

    /// `ice_activate_dynamic_port` (`devlink/devlink_port.c:533`): the probe is done when it returns, netdev and all. The
    /// instance has no parameters.
    fn set_state(&self, card: &mut SimulatedCard, number: u32, active: bool, host: &mut Host) -> Answer {
        let Some(port) = card.sfs.get_mut(&number) else { return Ok(()) };
        if active == port.is_active() {
            return Ok(());
        }
        port.has_netdev = active;
        port.phase = if active { Phase::InUse } else { Phase::Allocated };
        port.params = active.then(|| Params::new(&[], &Values::new()));
        port.probed = None;
        if active {
            port.aux_id = Some(host.next_aux_id);
            host.next_aux_id += 1;
            port.probe();
        }
        Ok(())
    }

    /// `ice_devlink_port_fn_hw_addr_set` (`devlink/devlink_port.c:689`) of a subfunction; `__ice_set_vf_mac`
    /// (`ice_sriov.c:1432`) of a VF, whose driver starts again and finds the address.
    fn set_mac(&self, card: &mut SimulatedCard, place: Place, mac: MacAddr) -> Answer {
        let is_run = card.is_run(place);
        let Some(port) = card.port_at(place) else { return Ok(()) };
        if let Place::Sf(_) = place {
            if is_run {
                return Err(refuse(Errno::EBUSY, "Ethernet address can be change only in detached state"));
            }
            if mac.is_zero() {
                return Err(refuse(Errno::EADDRNOTAVAIL, "Invalid ethernet address"));
            }
        }
        port.mac = mac;
        if is_run {
            port.probe();
        }
        Ok(())
    }

    /// `ice_devlink_vf_port_ops` and `ice_devlink_port_sf_ops` have none.
    fn set_capability(&self, _: &mut SimulatedCard, _: Place, _: (Capability, bool)) -> Answer {
        Err(unsupported("Port doesn't support function attributes"))
    }

    fn set_max_io_eqs(&self, _: &mut SimulatedCard, _: Place, _: u32) -> Answer {
        Err(unsupported("Function does not support max_io_eqs setting"))
    }

    /// `ice_enable_custom_tx` (`devlink/devlink.c:710`).
    fn rate_node_new(&self, card: &SimulatedCard) -> Answer {
        if card.dcb { Err(refuse(Errno::EBUSY, "")) } else { Ok(()) }
    }

    fn has_rate_operation(&self, _: &Child, _: &Setting) -> bool {
        true
    }

    /// devlink/devlink.c:848-1190. A rate is cut off to whole kbit/s for the hardware, and told as it was written.
    fn check_rate(&self, card: &SimulatedCard, of: &Child, setting: &Setting) -> Answer {
        if card.dcb {
            return Err(refuse(Errno::EBUSY, ""));
        }
        match setting {
            // `ice_devlink_set_parent` (`devlink/devlink.c:1158`): of a leaf it frees the node of the scheduler, so that the
            // function sends nothing more.
            Setting::RateParent(None) => match of {
                Child::RateNode(name) if has_children(card, name) => Err(refuse(Errno::EINVAL, "")),
                _ => Ok(()),
            },
            Setting::TxPriority(priority) if *priority > MOST_PRIORITY => {
                Err(refuse(Errno::EINVAL, "Priority should be less than 8"))
            }
            Setting::TxWeight(weight) if !WEIGHTS.contains(weight) => {
                Err(refuse(Errno::EINVAL, "Weight must be between 1 and 200"))
            }
            // A node that is below none is in no layer of the scheduler (`ice_sched_get_rl_prof_layer`).
            Setting::TxShare(Rate(_)) | Setting::TxMax(Rate(_)) if is_loose(card, of) => {
                Err(refuse(Errno::EINVAL, "Can't set scheduling node tx_max"))
            }
            _ => Ok(()),
        }
    }

    fn check_param(&self, card: &SimulatedCard, name: &str, value: &Scalar) -> Answer {
        match (name, value) {
            // devlink/devlink.c:1334 and 1392: whatever the value.
            ("enable_roce", _) if card.params.is_reported("enable_iwarp", false) => Err(unsupported(
                "iWARP is currently enabled. This device cannot enable iWARP and RoCEv2 simultaneously",
            )),
            ("enable_iwarp", _) if card.params.is_reported("enable_roce", true) => Err(unsupported(
                "RoCEv2 is currently enabled. This device cannot enable iWARP and RoCEv2 simultaneously",
            )),
            ("tx_scheduling_layers", Scalar::Number(6..=8)) => Err(refuse(Errno::EINVAL, LAYERS)),
            _ => Ok(()),
        }
    }

    /// `ice_devlink_local_fwd_set` (`devlink/devlink.c:1480`).
    fn param_is_set(&self, card: &mut SimulatedCard, name: &str) {
        if name == "local_forwarding" {
            card.core_resets += 1;
        }
    }

    /// `ice_devlink_reload_down` (`devlink/devlink.c:470`).
    fn reload(&self, card: &mut SimulatedCard) -> Answer {
        if card.is_switchdev() {
            return Err(unsupported("Go to legacy mode before doing reinit"));
        }
        if !card.pf.vfs.is_empty() {
            return Err(unsupported("Remove all VFs before doing reinit"));
        }
        // `ice_unload` takes what is left of subfunctions (`ice_dealloc_all_dynamic_ports`).
        card.sfs.clear();
        Ok(())
    }

    fn reload_function(&self, _: &mut SimulatedCard, _: u32) -> Answer {
        Err(unsupported("Driver does not support reload"))
    }

    /// `pci_vfs_assigned` (`ice_sriov.c:1193`) is never true for KVM guests.
    fn check_vfs(&self, _: &SimulatedCard, _: u32) -> Answer {
        Ok(())
    }

    /// `ice_start_vfs` (`ice_sriov.c:599`) and `ice_free_vfs`.
    fn vfs_are_set(&self, card: &mut SimulatedCard, host: &Host) {
        if card.is_switchdev() {
            for at in 0..card.pf.count() {
                let index = next_index(card);
                card.vf_ports.insert(at, CardPort::new(index));
                export_tree(card, host);
            }
            drop_tree_without_representors(card);
        }
    }

    /// `ice_set_vf_trust` (`ice_sriov.c:1522`), `ice_set_vf_port_vlan` in single VLAN mode, `ice_set_vf_bw`.
    fn check_legacy(&self, card: &SimulatedCard, setting: LegacySetting) -> Answer {
        match setting {
            LegacySetting::Trust(_) if card.is_switchdev() => Err(unsupported("")),
            LegacySetting::Proto(protocol) if protocol != VlanProtocol::Dot1q => {
                Err(refuse(Errno::EPROTONOSUPPORT, ""))
            }
            LegacySetting::RateMin(min) if min.0 > 0 && card.dcb => Err(unsupported("")),
            _ => Ok(()),
        }
    }

    fn elapse(&self, _: &mut SimulatedCard, _: &mut Host) -> bool {
        false
    }
}

fn next_index(card: &mut SimulatedCard) -> u32 {
    card.next_port_index += 1;
    card.next_port_index - 1
}

/// `ice_repr_set_tx_topology` (`ice_repr.c:358`), whenever a representor comes and DCB is off: the nodes of the scheduler
/// that are no rate nodes yet become some. A VF has its node by then. A subfunction gets one when it runs, and so a leaf
/// only when another representor comes after that.
fn export_tree(card: &mut SimulatedCard, host: &Host) {
    if card.dcb {
        return;
    }
    let below = |above: &str| Rates { parent: Some(above.to_owned()), ..host.rates.clone() };
    if !card.rate_nodes.contains_key(ROOT) {
        card.trees += 1;
        card.rate_nodes.insert(ROOT.to_owned(), host.rates.clone());
        card.rate_nodes.insert(inner(card), below(ROOT));
    }
    let inner = inner(card);
    let with_leaf = card.sfs.values_mut().filter(|port| port.phase == Phase::InUse);
    for port in with_leaf.chain(card.vf_ports.values_mut()) {
        port.leaf.get_or_insert_with(|| below(&inner));
    }
}

fn inner(card: &SimulatedCard) -> String {
    format!("{NODE}{}", INNER + card.trees)
}

/// `ice_eswitch_detach` (`ice_eswitch.c:566`): with the last representor all nodes go, whoever made them.
fn drop_tree_without_representors(card: &mut SimulatedCard) {
    if card.ports().all(|port| !port.shown) {
        card.drop_rate_nodes();
    }
}

fn has_children(card: &SimulatedCard, name: &str) -> bool {
    let leafs = card.ports().filter_map(|port| port.leaf.as_ref());
    leafs.chain(card.rate_nodes.values()).any(|rates| rates.parent.as_deref() == Some(name))
}

/// Whether it is a node that users made and that is below none.
fn is_loose(card: &SimulatedCard, of: &Child) -> bool {
    let Child::RateNode(name) = of else { return false };
    !name.starts_with(NODE) && card.rate_nodes.get(name).is_some_and(|rates| rates.parent.is_none())
}
