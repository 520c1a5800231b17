//! The kernel's own simulated network device: an uplink with tc offload, on a parent that nothing makes.

use crate::guest::{apply, config, destroy, host_file, sh, subdevcfg};

#[test]
fn an_uplink_is_changed_and_put_back() {
    sh("rm -rf /run/subdevcfg; echo '1 1' > /sys/bus/netdevsim/new_device");
    let before = config();
    let device = |uplink: &str| {
        host_file(&format!(
            "subdevcfg version=1\nhost \"*\"\ndevice \"netdevsim/netdevsim1\" {{ uplink {uplink}; }}\n"
        ))
    };
    let was = before["parents"]["netdevsim/netdevsim1"]["uplink"]["hw_tc_offload"].as_bool().unwrap();
    apply(device(&format!("mtu=1400 up=#true hw-tc-offload=#{}", !was)));
    let uplink = &config()["parents"]["netdevsim/netdevsim1"]["uplink"];
    assert_eq!((uplink["mtu"].as_u64(), uplink["up"].as_bool()), (Some(1400), Some(true)));
    assert_eq!(uplink["hw_tc_offload"], !was);
    let file = device(&format!("mtu=1400 up=#true hw-tc-offload=#{was}"));
    let plan = subdevcfg(&["plan", file]).expect(0);
    assert!(plan.stdout.contains(&format!("uplink.hw-tc-offload   {} -> {was}", !was)), "{}", plan.all());
    apply(file);
    destroy();
    assert_eq!(config(), before);
    sh("echo 1 > /sys/bus/netdevsim/del_device");
}
