//! Constants of `include/uapi/linux/devlink.h` that `netlink-bindings` lacks, because the kernel's own YNL description
//! of the family skips them. Numbers are counted in that header (Linux 6.12) and checked by the lab against the kernel
//! itself: a param is written and read back through them.

/// `DEVLINK_ATTR_RESOURCE_LIST`: nest of [`ATTR_RESOURCE`].
pub const ATTR_RESOURCE_LIST: u16 = 63;
/// `DEVLINK_ATTR_RESOURCE`: nest of name, size and perhaps another list.
pub const ATTR_RESOURCE: u16 = 64;
/// `DEVLINK_ATTR_RESOURCE_NAME`.
pub const ATTR_RESOURCE_NAME: u16 = 65;
/// `DEVLINK_ATTR_RESOURCE_SIZE`: a u64.
pub const ATTR_RESOURCE_SIZE: u16 = 67;
/// `DEVLINK_ATTR_PARAM`.
pub const ATTR_PARAM: u16 = 80;
/// `DEVLINK_ATTR_PARAM_NAME`.
pub const ATTR_PARAM_NAME: u16 = 81;
/// `DEVLINK_ATTR_PARAM_TYPE`.
pub const ATTR_PARAM_TYPE: u16 = 83;
/// `DEVLINK_ATTR_PARAM_VALUES_LIST`: nest of [`ATTR_PARAM_VALUE`].
pub const ATTR_PARAM_VALUES_LIST: u16 = 84;
/// `DEVLINK_ATTR_PARAM_VALUE`: nest of data and cmode.
pub const ATTR_PARAM_VALUE: u16 = 85;
/// `DEVLINK_ATTR_PARAM_VALUE_DATA`: of the parameter's own type; for a bool present is true.
pub const ATTR_PARAM_VALUE_DATA: u16 = 86;
/// `DEVLINK_ATTR_PARAM_VALUE_CMODE`.
pub const ATTR_PARAM_VALUE_CMODE: u16 = 87;
/// `DEVLINK_PORT_FN_ATTR_DEVLINK`: nest with the handle of the function's own instance (since 6.7).
pub const PORT_FN_ATTR_DEVLINK: u16 = 5;
/// `DEVLINK_PORT_FN_ATTR_MAX_IO_EQS`: a u32 (since 6.10).
pub const PORT_FN_ATTR_MAX_IO_EQS: u16 = 6;
/// `DEVLINK_ATTR_DEV_STATS`: nest of [`ATTR_RELOAD_STATS`] and [`ATTR_REMOTE_RELOAD_STATS`] (since 5.11).
pub const ATTR_DEV_STATS: u16 = 156;
/// `DEVLINK_ATTR_RELOAD_STATS`: how often this host has reloaded the instance; nest of [`ATTR_RELOAD_ACTION_INFO`].
pub const ATTR_RELOAD_STATS: u16 = 157;
/// `DEVLINK_ATTR_RELOAD_STATS_ENTRY`: nest of a limit and [`ATTR_RELOAD_STATS_VALUE`].
pub const ATTR_RELOAD_STATS_ENTRY: u16 = 158;
/// `DEVLINK_ATTR_RELOAD_STATS_VALUE`: a u32.
pub const ATTR_RELOAD_STATS_VALUE: u16 = 160;
/// `DEVLINK_ATTR_REMOTE_RELOAD_STATS`: how often another host has.
pub const ATTR_REMOTE_RELOAD_STATS: u16 = 161;
/// `DEVLINK_ATTR_RELOAD_ACTION_INFO`: nest of an action and [`ATTR_RELOAD_ACTION_STATS`].
pub const ATTR_RELOAD_ACTION_INFO: u16 = 162;
/// `DEVLINK_ATTR_RELOAD_ACTION_STATS`: nest of [`ATTR_RELOAD_STATS_ENTRY`].
pub const ATTR_RELOAD_ACTION_STATS: u16 = 163;
/// `DEVLINK_ATTR_BUS_NAME`.
pub const ATTR_BUS_NAME: u16 = 1;
/// `DEVLINK_ATTR_DEV_NAME`.
pub const ATTR_DEV_NAME: u16 = 2;
