//! NVIDIA `ConnectX`: what `mlx5_core` demands and does. Sources are files of Linux 6.12.117 below
//! drivers/net/ethernet/mellanox/mlx5/core; a card as a `ConnectX-6` Dx is meant. Nothing here was tried on hardware: where
//! the firmware decides, the strictest reading of what is known stands here, and says so.

use nix::errno::Errno;
use subdevcfg_compiler::values::{Cmode, EncapMode, EswitchMode, MacAddr, Rate, Scalar, VlanProtocol};

use super::Answer;
use super::card_requests::{Driver, Host, Place};
use super::cards::{CardPort, FIRMWARE_TAKES, Phase, SimulatedCard};
use super::params::{Kind, Params, Spec, Values};
use super::requests::refuse;
use crate::kernel::RequestError;
use crate::resource::{Capability, Child, FunctionId, Legacy, LegacySetting, Setting};

/// `MLX5_LINKSPEED_UNIT` (esw/qos.c:814): a megabit in bytes; and how many a link of 100 Gbit/s has.
const RATE_UNIT: u64 = 125_000;
const LINK_SPEED: u64 = 100_000;

/// `MLX5_ESW_DEFAULT_SF_COMP_EQS` (`eswitch_offloads.c:69`), and what the firmware gives a port before.
const DEFAULT_EQS: u32 = 8;
const FIRMWARE_EQS: u32 = 60;

/// The largest number of queues: with the four for control it has to fit 16 bits (`eswitch_offloads.c:65, 4697`).
const MOST_EQS: u32 = 0xffff - 4;

/// What representors and netdevs take, as the firmware of these cards says (`mlx5_query_port_max_mtu`).
const MAX_MTU: u32 = 9978;

const fn flag(name: &'static str, cmode: Cmode, default: bool) -> Spec {
    Spec { name, cmode, kind: Kind::Bool { default } }
}

const EQ_SIZE: Kind = Kind::Number { range: 64..=4096, default: 1024, refusal: "" };

/// `fs_core.c:3600`, `eswitch_offloads.c:2473`, `eswitch.c:1858`, `fw_reset.c:877`, `devlink.c:508, 552, 612, 647, 740`.
static OF_PARENT: [Spec; 14] = [
    Spec {
        name: "flow_steering_mode",
        cmode: Cmode::Runtime,
        kind: Kind::Word {
            words: &["dmfs", "smfs"],
            refusal: "Bad parameter: supported values are [\"dmfs\", \"smfs\"]",
        },
    },
    flag("esw_port_metadata", Cmode::Runtime, true),
    flag("esw_multiport", Cmode::Runtime, false),
    flag("enable_remote_dev_reset", Cmode::Runtime, true),
    flag("enable_roce", Cmode::Driverinit, true),
    Spec {
        name: "fdb_large_groups",
        cmode: Cmode::Driverinit,
        kind: Kind::Number {
            range: 1..=1024,
            default: 15,
            refusal: "Unsupported group number, supported range is 1-1024",
        },
    },
    Spec { name: "io_eq_size", cmode: Cmode::Driverinit, kind: EQ_SIZE },
    Spec { name: "event_eq_size", cmode: Cmode::Driverinit, kind: EQ_SIZE },
    flag("enable_eth", Cmode::Driverinit, true),
    Spec {
        name: "hairpin_num_queues",
        cmode: Cmode::Driverinit,
        kind: Kind::Number { range: 1..=0xffff_ffff, default: 2, refusal: "" },
    },
    Spec {
        name: "hairpin_queue_size",
        cmode: Cmode::Driverinit,
        kind: Kind::Power { most: 32768, default: 1024, refusal: "Value should be power of two" },
    },
    flag("enable_rdma", Cmode::Driverinit, true),
    flag("enable_vnet", Cmode::Driverinit, true),
    Spec { name: "max_macs", cmode: Cmode::Driverinit, kind: MAX_MACS },
];

const MAX_MACS: Kind =
    Kind::Power { most: 4096, default: 128, refusal: "Only power of 2 values are supported for max_macs" };

/// A function that was probed light starts with nothing enabled (`sf/dev/driver.c:46`; `devlink.c:528, 579, 631, 666`).
static OF_FUNCTION: [Spec; 7] = [
    flag("enable_roce", Cmode::Driverinit, false),
    Spec { name: "io_eq_size", cmode: Cmode::Driverinit, kind: EQ_SIZE },
    Spec { name: "event_eq_size", cmode: Cmode::Driverinit, kind: EQ_SIZE },
    flag("enable_eth", Cmode::Driverinit, false),
    flag("enable_rdma", Cmode::Driverinit, false),
    flag("enable_vnet", Cmode::Driverinit, false),
    Spec { name: "max_macs", cmode: Cmode::Driverinit, kind: MAX_MACS },
];

/// The driver.
pub(super) struct Mlx5;

fn unsupported(message: &str) -> RequestError {
    refuse(Errno::EOPNOTSUPP, message)
}

impl Driver for Mlx5 {
    fn name(&self) -> &'static str {
        "mlx5_core"
    }

    fn max_mtu(&self) -> u32 {
        MAX_MTU
    }

    fn params(&self) -> &'static [Spec] {
        &OF_PARENT
    }

    fn function_params(&self) -> &'static [Spec] {
        &OF_FUNCTION
    }

    fn sf_resource(&self) -> Option<&'static str> {
        // sf/hw_table.c:261.
        Some("max_local_SFs")
    }

    fn has_inline_mode(&self) -> bool {
        // `MLX5_CAP_INLINE_MODE_NOT_REQUIRED`: `none` is taken, and nothing else (eswitch_offloads.c:3885).
        true
    }

    fn first_encap(&self) -> Option<EncapMode> {
        // eswitch.c:1920.
        Some(EncapMode::Basic)
    }

    fn first_spoofchk(&self) -> bool {
        false
    }

    fn counts_restarts(&self) -> bool {
        true
    }

    fn manages_vdpa(&self) -> bool {
        true
    }

    fn has_uplink(&self, card: &SimulatedCard) -> bool {
        !card.params.is_off("enable_eth")
    }

    /// `mlx5_devlink_eswitch_mode_set` (`eswitch_offloads.c:3735`).
    fn set_mode(&self, card: &mut SimulatedCard, mode: EswitchMode, host: &Host) -> Answer {
        // `mlx5_esw_try_lock` (eswitch.c:2333): also for the mode that it has.
        if card.has_tc_rules {
            return Err(refuse(Errno::EBUSY, "Can't change mode, E-Switch is busy"));
        }
        if card.mode == Some(mode) {
            return Ok(());
        }
        // Not the driver's: the firmware takes no vport that a driver runs (sriov-network-operator issue 1015).
        if card.pf.vfs.iter().any(|vf| vf.driver.as_deref() == Some(self.name())) {
            return Err(refuse(Errno::EINVAL, "Failed setting eswitch to offloads"));
        }
        disable_eswitch(card);
        card.mode = Some(mode);
        if mode == EswitchMode::Switchdev {
            add_vf_ports(card, host);
        }
        Ok(())
    }

    /// `mlx5_devlink_eswitch_encap_mode_set` (`eswitch_offloads.c:3972`); flows are those of tc.
    fn set_encap(&self, card: &mut SimulatedCard, mode: EncapMode) -> Answer {
        if card.is_switchdev() && card.encap != Some(mode) && card.has_tc_rules {
            return Err(unsupported("Can't set encapsulation when flows are configured"));
        }
        card.encap = Some(mode);
        Ok(())
    }

    /// `mlx5_devlink_sf_port_new` (sf/devlink.c:303).
    fn port_new(&self, card: &mut SimulatedCard, own: u32, id: &FunctionId, host: &mut Host) -> Answer {
        let &FunctionId::Sf { controller, pf, number } = id else {
            return Err(unsupported("Driver supports only SF port addition"));
        };
        if controller != 0 {
            return Err(unsupported("External controller is unsupported"));
        }
        if pf != own {
            return Err(unsupported("Invalid pfnum supplied"));
        }
        if !card.is_switchdev() {
            return Err(unsupported("SF ports are only supported in eswitch switchdev mode."));
        }
        // sf/hw_table.c:71-100.
        if card.sfs.contains_key(&number) || card.going.contains_key(&number) {
            return Err(refuse(Errno::EEXIST, "SF already exist. Choose different sfnum"));
        }
        let taken = card.sfs.len() + card.going.len();
        if u32::try_from(taken).is_ok_and(|taken| taken >= card.most_sfs) {
            return Err(refuse(Errno::ENOSPC, ""));
        }
        let port = new_port(card, host, false);
        card.sfs.insert(number, port);
        Ok(())
    }

    /// `mlx5_sf_del` (sf/devlink.c:338): the number of one that the firmware has not seen stopped stays taken.
    fn port_del(&self, card: &mut SimulatedCard, number: u32) {
        if card.sfs.remove(&number).is_some_and(|port| port.phase != Phase::Allocated) {
            card.going.insert(number, FIRMWARE_TAKES);
        }
    }

    /// `mlx5_sf_state_set` (sf/devlink.c:219).
    fn set_state(&self, card: &mut SimulatedCard, number: u32, active: bool, host: &mut Host) -> Answer {
        let Some(port) = card.sfs.get_mut(&number) else { return Ok(()) };
        if active == port.is_active() {
            return Ok(());
        }
        if !active {
            // `mlx5_sf_dev_remove` takes the instance and all that is on it; the port still says attached.
            port.params = None;
            port.has_netdev = false;
            port.probed = None;
            port.phase = Phase::Stopping(FIRMWARE_TAKES);
            return Ok(());
        }
        // sf/devlink.c:168.
        if port.phase != Phase::Allocated {
            return Err(refuse(Errno::EBUSY, "SF is inactivated but it is still attached"));
        }
        if !port.eqs_are_set && host.max_io_eqs {
            port.max_io_eqs = Some(DEFAULT_EQS);
        }
        port.phase = Phase::Starting(FIRMWARE_TAKES);
        Ok(())
    }

    /// `mlx5_devlink_port_fn_hw_addr_set` (`eswitch_offloads.c:4266`): no look at the state, so that it is taken at any time
    /// and found by the next probe.
    fn set_mac(&self, card: &mut SimulatedCard, place: Place, mac: MacAddr) -> Answer {
        if let Some(port) = card.port_at(place) {
            port.mac = mac;
        }
        Ok(())
    }

    /// `mlx5_devlink_port_fn_roce_set` and its siblings (`eswitch_offloads.c:4310-4640`), all by `SET_HCA_CAP`.
    fn set_capability(
        &self,
        card: &mut SimulatedCard,
        place: Place,
        (capability, on): (Capability, bool),
    ) -> Answer {
        let is_run = card.is_run(place);
        let Some(port) = card.port_at(place) else { return Ok(()) };
        if port.capabilities.get(&capability) == Some(&on) {
            return Ok(());
        }
        if is_run {
            return Err(fixed_while_it_runs());
        }
        port.capabilities.insert(capability, on);
        Ok(())
    }

    /// `mlx5_devlink_port_fn_max_io_eqs_set` (`eswitch_offloads.c:4671`).
    fn set_max_io_eqs(&self, card: &mut SimulatedCard, place: Place, number: u32) -> Answer {
        let is_run = card.is_run(place);
        let Some(port) = card.port_at(place) else { return Ok(()) };
        if number > MOST_EQS {
            return Err(refuse(Errno::EINVAL, "Supplied value out of range"));
        }
        if is_run {
            return Err(fixed_while_it_runs());
        }
        port.max_io_eqs = Some(number);
        port.eqs_are_set = true;
        Ok(())
    }

    /// `mlx5_esw_devlink_rate_node_new` (esw/qos.c:946).
    fn rate_node_new(&self, card: &SimulatedCard) -> Answer {
        if card.is_switchdev() {
            return Ok(());
        }
        Err(unsupported("Rate node creation supported only in switchdev mode"))
    }

    /// `mlx5_devlink_ops` (devlink.c:308-316).
    fn has_rate_operation(&self, of: &Child, setting: &Setting) -> bool {
        match setting {
            Setting::TxShare(_) | Setting::TxMax(_) => true,
            Setting::RateParent(_) => matches!(of, Child::Function(_)),
            _ => false,
        }
    }

    /// `esw_qos_devlink_rate_to_mbps` (esw/qos.c:820).
    fn check_rate(&self, _: &SimulatedCard, _: &Child, setting: &Setting) -> Answer {
        let (Setting::TxShare(Rate(rate)) | Setting::TxMax(Rate(rate))) = setting else { return Ok(()) };
        if !rate.is_multiple_of(RATE_UNIT) {
            return Err(refuse(Errno::EINVAL, "TX rate value not in link speed units of 1Mbps"));
        }
        if rate / RATE_UNIT > LINK_SPEED {
            return Err(refuse(Errno::EINVAL, "TX rate value exceed link maximum speed"));
        }
        Ok(())
    }

    fn check_param(&self, card: &SimulatedCard, name: &str, value: &Scalar) -> Answer {
        let switchdev = card.is_switchdev();
        match (name, value) {
            // `mlx5_fs_mode_validate` (fs_core.c:3559): back to dmfs is let through.
            ("flow_steering_mode", Scalar::Text(word)) if switchdev && word == "smfs" => {
                Err(unsupported("Software managed steering is not supported when eswitch offloads enabled."))
            }
            // `esw_port_metadata_validate` (eswitch_offloads.c:2466).
            ("esw_port_metadata", _) if switchdev => {
                Err(refuse(Errno::EBUSY, "E-Switch must either disabled or non switchdev mode"))
            }
            // `enable_mpesw` (lag/mpesw.c:66).
            ("esw_multiport", Scalar::Bool(true)) if !switchdev => Err(unsupported("")),
            _ => Ok(()),
        }
    }

    fn param_is_set(&self, _: &mut SimulatedCard, _: &str) {}

    /// `mlx5_devlink_reload_down` (devlink.c:131): with VFs it goes on. The eswitch is disabled on the way (main.c:1632),
    /// and all numbers of subfunctions are free (`mlx5_sf_hw_table_destroy`, main.c:1445).
    fn reload(&self, card: &mut SimulatedCard) -> Answer {
        if card.params.is_reported("esw_multiport", false) {
            return Err(unsupported("reload is unsupported in Lag mode"));
        }
        disable_eswitch(card);
        card.going.clear();
        card.mode = Some(EswitchMode::Legacy);
        // The management device goes with the auxiliary device, and takes its own along (`vdpa_mgmtdev_unregister`).
        card.vdpa.clear();
        Ok(())
    }

    /// A light function accepts `driver_reinit` alone, and is a whole one afterwards (devlink.c:149, 209).
    fn reload_function(&self, card: &mut SimulatedCard, number: u32) -> Answer {
        let Some(port) = card.sfs.get_mut(&number) else { return Ok(()) };
        if let Some(params) = &mut port.params {
            params.reload(&OF_FUNCTION);
        }
        port.netdev = None;
        port.has_netdev = port.params.as_ref().is_some_and(|params| params.is_on("enable_eth"));
        port.probe();
        Ok(())
    }

    /// `mlx5_core_sriov_configure` (sriov.c:263) asks nobody whether VFs are in use.
    fn check_vfs(&self, _: &SimulatedCard, _: u32) -> Answer {
        Ok(())
    }

    /// With the last VF the rate nodes go, of subfunctions as well (`mlx5_eswitch_disable_sriov`, eswitch.c:1614).
    fn vfs_are_set(&self, card: &mut SimulatedCard, host: &Host) {
        if !card.is_switchdev() {
            return;
        }
        if card.pf.vfs.is_empty() {
            card.drop_rate_nodes();
        }
        add_vf_ports(card, host);
    }

    /// esw/legacy.c:420-520; `mlx5e_set_vf_vlan` (`en_main.c`) for the protocol.
    fn check_legacy(&self, card: &SimulatedCard, setting: LegacySetting) -> Answer {
        match setting {
            LegacySetting::Proto(protocol) if protocol != VlanProtocol::Dot1q => {
                Err(refuse(Errno::EPROTONOSUPPORT, ""))
            }
            LegacySetting::Vlan(vlan) if vlan > 0 && card.is_switchdev() => Err(unsupported("")),
            LegacySetting::Trust(_) | LegacySetting::Spoofchk(_) | LegacySetting::LinkState(_)
                if card.is_switchdev() =>
            {
                Err(unsupported(""))
            }
            _ => Ok(()),
        }
    }

    /// Events of the firmware (`mlx5_sf_vhca_event`, sf/devlink.c:389) come after a while.
    fn elapse(&self, card: &mut SimulatedCard, host: &mut Host) -> bool {
        let mut goes_on = !card.going.is_empty();
        card.going.values_mut().for_each(|left| *left -= 1);
        card.going.retain(|_, left| *left > 0);
        for port in card.sfs.values_mut() {
            let next = match port.phase {
                Phase::Starting(left) if left > 1 => Phase::Starting(left - 1),
                Phase::Starting(_) => {
                    attach(port, host);
                    Phase::InUse
                }
                Phase::Stopping(left) if left > 1 => Phase::Stopping(left - 1),
                Phase::Stopping(_) => Phase::Allocated,
                rest => rest,
            };
            goes_on |= next != port.phase;
            port.phase = next;
        }
        goes_on
    }
}

/// `mlx5_sf_dev_probe` (sf/dev/driver.c:25): the instance is there, with nothing enabled.
fn attach(port: &mut CardPort, host: &mut Host) {
    port.aux_id = Some(host.next_aux_id);
    host.next_aux_id += 1;
    port.params = Some(Params::new(&OF_FUNCTION, &Values::new()));
    port.probe();
}

/// Not the driver's: mlx5's `switchdev.rst` wants attributes set before a driver enumerates the function, and
/// `SET_HCA_CAP` of one that runs is taken here for refused.
fn fixed_while_it_runs() -> RequestError {
    refuse(Errno::EINVAL, "Failed setting HCA cap")
}

/// `mlx5_eswitch_load_sf_vport` and `mlx5_eswitch_load_vf_vports`: a port, its leaf at the top, and a representor.
fn new_port(card: &mut SimulatedCard, host: &Host, is_vf: bool) -> CardPort {
    let index = card.next_port_index;
    card.next_port_index += 1;
    let of_vfs = [Capability::Migratable, Capability::IpsecCrypto, Capability::IpsecPacket];
    let of_vfs = of_vfs.into_iter().filter(|_| is_vf).map(|capability| (capability, false));
    let all = std::iter::once((Capability::Roce, true)).chain(of_vfs);
    CardPort {
        capabilities: all.filter(|_| host.capabilities).collect(),
        max_io_eqs: host.max_io_eqs.then_some(FIRMWARE_EQS),
        leaf: Some(host.rates.clone()),
        ..CardPort::new(index)
    }
}

fn add_vf_ports(card: &mut SimulatedCard, host: &Host) {
    for index in 0..card.pf.count() {
        let mut port = new_port(card, host, true);
        // The vport keeps the address that the PF has set for it (`vport->info`).
        if let Some(LegacySetting::Mac(mac)) = card.config(index).get(&Legacy::Mac) {
            port.mac = *mac;
        }
        card.vf_ports.insert(index, port);
    }
}

/// `mlx5_eswitch_disable_locked` (eswitch.c:1630): subfunctions go without a word (sf/devlink.c:432), rate nodes and the
/// ports of VFs too; what the PF has set stays but for limits and the state of the link. The LAG is taken apart
/// (`mlx5_lag_disable_change`).
fn disable_eswitch(card: &mut SimulatedCard) {
    let numbers: Vec<u32> = card.sfs.keys().copied().collect();
    for number in numbers {
        Mlx5.port_del(card, number);
    }
    card.drop_rate_nodes();
    for (index, port) in std::mem::take(&mut card.vf_ports) {
        card.configs.entry(index).or_default().insert(Legacy::Mac, LegacySetting::Mac(port.mac));
    }
    for config in card.configs.values_mut() {
        config.retain(|legacy, _| !matches!(legacy, Legacy::LinkState | Legacy::RateMin | Legacy::RateMax));
    }
    card.params.reported.remove("esw_multiport");
}
