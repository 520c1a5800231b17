use std::collections::HashMap;

use super::*;
use crate::conversation::{attribute, attributes};

fn nest(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(4 + payload.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn handle_bytes() -> Vec<u8> {
    [nest(uapi::ATTR_BUS_NAME, b"subdev\0"), nest(uapi::ATTR_DEV_NAME, b"nic0\0")].concat()
}

#[test]
fn attribute_numbers_are_those_of_the_header() {
    let header = std::fs::read_to_string("/usr/include/linux/devlink.h").unwrap();
    let body = header.split("enum devlink_attr {").nth(1).unwrap().split("};").next().unwrap();
    let mut in_comment = false;
    let mut numbers = HashMap::new();
    let mut next = 0_u16;
    for line in body.lines().map(str::trim) {
        in_comment |= line.starts_with("/*");
        if !in_comment && line.starts_with("DEVLINK_ATTR_") {
            numbers.insert(line.split([',', ' ', '\t']).next().unwrap(), next);
            next += 1;
        }
        in_comment &= !line.contains("*/");
    }
    for (name, number) in [
        ("DEVLINK_ATTR_BUS_NAME", uapi::ATTR_BUS_NAME),
        ("DEVLINK_ATTR_DEV_NAME", uapi::ATTR_DEV_NAME),
        ("DEVLINK_ATTR_RESOURCE_LIST", uapi::ATTR_RESOURCE_LIST),
        ("DEVLINK_ATTR_RESOURCE", uapi::ATTR_RESOURCE),
        ("DEVLINK_ATTR_RESOURCE_NAME", uapi::ATTR_RESOURCE_NAME),
        ("DEVLINK_ATTR_RESOURCE_SIZE", uapi::ATTR_RESOURCE_SIZE),
        ("DEVLINK_ATTR_DEV_STATS", uapi::ATTR_DEV_STATS),
        ("DEVLINK_ATTR_RELOAD_STATS", uapi::ATTR_RELOAD_STATS),
        ("DEVLINK_ATTR_RELOAD_STATS_ENTRY", uapi::ATTR_RELOAD_STATS_ENTRY),
        ("DEVLINK_ATTR_RELOAD_STATS_VALUE", uapi::ATTR_RELOAD_STATS_VALUE),
        ("DEVLINK_ATTR_REMOTE_RELOAD_STATS", uapi::ATTR_REMOTE_RELOAD_STATS),
        ("DEVLINK_ATTR_RELOAD_ACTION_INFO", uapi::ATTR_RELOAD_ACTION_INFO),
        ("DEVLINK_ATTR_RELOAD_ACTION_STATS", uapi::ATTR_RELOAD_ACTION_STATS),
        ("DEVLINK_ATTR_PARAM", uapi::ATTR_PARAM),
        ("DEVLINK_ATTR_PARAM_NAME", uapi::ATTR_PARAM_NAME),
        ("DEVLINK_ATTR_PARAM_TYPE", uapi::ATTR_PARAM_TYPE),
        ("DEVLINK_ATTR_PARAM_VALUES_LIST", uapi::ATTR_PARAM_VALUES_LIST),
        ("DEVLINK_ATTR_PARAM_VALUE", uapi::ATTR_PARAM_VALUE),
        ("DEVLINK_ATTR_PARAM_VALUE_DATA", uapi::ATTR_PARAM_VALUE_DATA),
        ("DEVLINK_ATTR_PARAM_VALUE_CMODE", uapi::ATTR_PARAM_VALUE_CMODE),
    ] {
        assert_eq!(numbers[name], number, "{name}");
    }
}

#[test]
fn a_param_is_read_with_all_its_cmodes() {
    let value = |cmode: u8, data: Option<&[u8]>| {
        let data = data.map(|data| nest(uapi::ATTR_PARAM_VALUE_DATA, data)).unwrap_or_default();
        nest(uapi::ATTR_PARAM_VALUE, &[data, nest(uapi::ATTR_PARAM_VALUE_CMODE, &[cmode])].concat())
    };
    let list = [value(0, Some(&[])), value(1, None)].concat();
    let body = [
        nest(uapi::ATTR_PARAM_NAME, b"enable_eth\0"),
        nest(uapi::ATTR_PARAM_TYPE, &[6]),
        nest(uapi::ATTR_PARAM_VALUES_LIST, &list),
    ];
    let message = [vec![38, 1, 0, 0], handle_bytes(), nest(uapi::ATTR_PARAM, &body.concat())].concat();
    let param = decode::param(&message).unwrap();
    assert_eq!(param.name, "enable_eth");
    assert_eq!(param.values, [(0, ParamValue::Bool(true)), (1, ParamValue::Bool(false))]);
    for length in 0..message.len() {
        // A message that is cut short is an error or a shorter list, and never a panic.
        drop(decode::param(&message[..length]));
    }
}

#[test]
fn a_port_names_its_function_and_the_functions_instance() {
    let function = [
        nest(1, &[2, 0, 0, 0, 0, 0x58]),
        nest(2, &[1]),
        nest(3, &[1]),
        nest(uapi::PORT_FN_ATTR_DEVLINK, &handle_bytes()),
    ];
    let message = [
        vec![7, 1, 0, 0],
        handle_bytes(),
        nest(3, &9_u32.to_ne_bytes()),
        nest(77, &7_u16.to_ne_bytes()),
        nest(145, &function.concat()),
    ]
    .concat();
    let port = decode::port(&message).unwrap();
    assert_eq!((port.index, port.flavour), (9, Some(Flavour::PciSf)));
    let function = port.function.unwrap();
    assert_eq!(function.hw_addr, Some([2, 0, 0, 0, 0, 0x58]));
    assert_eq!((function.active, function.attached), (Some(true), Some(true)));
    assert_eq!(function.instance.unwrap().to_string(), "subdev/nic0");
}

#[test]
fn param_values_are_written_as_the_kernel_wants_them() {
    let encoded = |value: ParamValue| {
        let mut buffer = Vec::new();
        push_param_value(&mut buffer, &value);
        assert_eq!(buffer.len() % 4, 0);
        attribute(&buffer, uapi::ATTR_PARAM_VALUE_DATA).map(<[u8]>::to_vec)
    };
    assert_eq!(encoded(ParamValue::Bool(false)), None);
    assert_eq!(encoded(ParamValue::Bool(true)), Some(vec![]));
    assert_eq!(encoded(ParamValue::U8(7)), Some(vec![7]));
    assert_eq!(encoded(ParamValue::U32(9)), Some(9_u32.to_ne_bytes().to_vec()));
    assert_eq!(encoded(ParamValue::String("smfs".to_owned())), Some(b"smfs\0".to_vec()));
}

#[test]
fn a_handle_is_the_first_thing_in_a_request() {
    let mut payload = Vec::new();
    let handle = Handle { bus: "subdev".to_owned(), device: "nic0".to_owned() };
    push_handle(dl::OpPortGetDo::encode_request(&mut payload), &handle).push_port_index(3);
    let kinds: Vec<u16> = attributes(&payload[4..]).map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [uapi::ATTR_BUS_NAME, uapi::ATTR_DEV_NAME, 3]);
}
