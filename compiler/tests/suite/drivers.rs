//! Host files of drivers that the project knows from their catalogues only.

use crate::common::compile;

/// Compiles the block of a device and returns what there is to say.
fn codes(handle: &str, driver: &str, block: &str) -> Vec<String> {
    let text = format!("subdevcfg version=1\nhost node-17\ndevice \"{handle}\" {driver} {{\n{block}\n}}\n");
    compile("host.kdl", &text).diagnostics.iter().map(|found| found.code.to_string()).collect()
}

#[test]
fn what_connectx_takes_is_accepted() {
    let block = "eswitch mode=switchdev inline-mode=none encap-mode=basic
        param flow_steering_mode smfs
        param esw_multiport #true
        param enable_roce #true
        subdevice web0 {
            sf 188
            function mac=\"02:00:00:00:00:58\"
            rate tx-share=\"1Gbit\" tx-max=\"10Gbit\"
            param enable_rdma #false
            param enable_vnet #true
            netdev web0 mtu=9000 up=#true
            representor web0_r
        }";
    assert_eq!(codes("pci/0000:08:00.0", "driver=mlx5_core", block), [""; 0]);
}

#[test]
fn a_netdev_implies_what_the_driver_needs_for_it() {
    let text = |driver: &str| {
        format!(
            "subdevcfg version=1\nhost node-17\ndevice \"pci/0000:08:00.0\" driver={driver} {{\n    subdevice a {{ sf 1; \
             netdev a }}\n}}\n"
        )
    };
    let params = |driver| {
        let host = compile("host.kdl", &text(driver)).host.expect("a host");
        let params = &host.model.devices[0].subdevices[0].params;
        params.iter().map(|param| param.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(params("mlx5_core"), ["enable_eth"]);
    assert_eq!(params("ice"), [""; 0]);
}

#[test]
fn of_a_generated_catalogue_only_params_are_judged() {
    let functions = "subdevice a { sf 1; rate tx-max=\"1001Bps\" }\nsubdevice b { mdev type=x }";
    assert_eq!(codes("pci/0000:08:00.0", "driver=bnxt_en", functions), [""; 0]);
    assert_eq!(codes("pci/0000:08:00.0", "driver=bnxt_en", "param gre_ver_check 1"), ["E0503"]);
    assert_eq!(codes("pci/0000:08:00.0", "driver=bnxt_en", "param gre_ver_check #true"), [""; 0]);
}

#[test]
fn the_bus_tells_the_driver_but_not_that_it_can_be_created() {
    assert_eq!(codes("netdevsim/netdevsim1", "", "param test1 #true"), [""; 0]);
    assert_eq!(codes("netdevsim/netdevsim1", "driver=ice", ""), ["E0507"]);
    assert_eq!(codes("netdevsim/netdevsim1", "", "create max-subdevices=4"), ["E0501"]);
}
