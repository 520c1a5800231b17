/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels this module builds on lives here, so
 * that the other files read like code for the newest one.
 *
 * Tried: 6.1 LTS and 6.12 LTS. The thresholds in between are those of the
 * mainline commits.
 */
#ifndef SUBDEV_COMPAT_H
#define SUBDEV_COMPAT_H

#include <linux/device/bus.h>
#include <linux/netdevice.h>
#include <linux/version.h>
#include <net/devlink.h>

#define SD_KERNEL \
	KERNEL_VERSION(LINUX_VERSION_MAJOR, LINUX_VERSION_PATCHLEVEL, 0)

/* Bus attributes got a const bus in 6.4. */
#if KERNEL_VERSION(6, 4, 0) <= SD_KERNEL
#define SD_BUS_CONST const
#else
#define SD_BUS_CONST
#endif

/* The core reports the name of the bound driver by itself since 6.3. */
static inline int sd_info_driver_name_put(struct devlink_info_req *req,
					  const char *name)
{
#if KERNEL_VERSION(6, 3, 0) <= SD_KERNEL
	return 0;
#else
	return devlink_info_driver_name_put(req, name);
#endif
}

/* A param's setter got an extack in 6.11. */
#if KERNEL_VERSION(6, 11, 0) <= SD_KERNEL
#define SD_PARAM_SETTER(name)						\
	int name(struct devlink *devlink, u32 id,			\
		 struct devlink_param_gset_ctx *ctx,			\
		 struct netlink_ext_ack *extack)
#else
#define SD_PARAM_SETTER(name)						\
	int name(struct devlink *devlink, u32 id,			\
		 struct devlink_param_gset_ctx *ctx)
#endif

/*
 * Registering. The new kernels want the instance lock held, the old ones take
 * none to register and must not have it to unregister, because they wait there
 * for the commands under way. All of these are called with the lock held, but
 * for sd_devl_unregister_and_lock(), which returns with it.
 */
#if KERNEL_VERSION(6, 3, 0) <= SD_KERNEL
static inline void sd_devl_register(struct devlink *dl)
{
	devl_register(dl);
}

static inline void sd_devl_unregister_and_lock(struct devlink *dl)
{
	devl_lock(dl);
	devl_unregister(dl);
}

static inline void sd_devl_enable_reload(struct devlink *dl)
{
}

static inline void sd_param_init(struct devlink *dl, u32 id,
				 union devlink_param_value val)
{
	devl_param_driverinit_value_set(dl, id, val);
}

#define sd_params_register	devl_params_register
#define sd_params_unregister	devl_params_unregister
#define sd_param_value		devl_param_driverinit_value_get
#else
static inline void sd_devl_register(struct devlink *dl)
{
	devlink_register(dl);
}

static inline void sd_devl_unregister_and_lock(struct devlink *dl)
{
	devlink_unregister(dl);
	devl_lock(dl);
}

static inline void sd_devl_enable_reload(struct devlink *dl)
{
	devlink_set_features(dl, DEVLINK_F_RELOAD);
}

static inline void sd_param_init(struct devlink *dl, u32 id,
				 union devlink_param_value val)
{
	devlink_param_driverinit_value_set(dl, id, val);
}

#define sd_params_register	devlink_params_register
#define sd_params_unregister	devlink_params_unregister
#define sd_param_value		devlink_param_driverinit_value_get
#endif

/* With the instance's lock since 6.3, with another before. */
static inline struct devlink_health_reporter *
sd_health_reporter_create(struct devlink *dl,
			  const struct devlink_health_reporter_ops *ops,
			  void *priv)
{
#if KERNEL_VERSION(6, 3, 0) <= SD_KERNEL
	return devl_health_reporter_create(dl, ops, 0, priv);
#else
	return devlink_health_reporter_create(dl, ops, 0, priv);
#endif
}

static inline void
sd_health_reporter_destroy(struct devlink_health_reporter *reporter)
{
#if KERNEL_VERSION(6, 3, 0) <= SD_KERNEL
	devl_health_reporter_destroy(reporter);
#else
	devlink_health_reporter_destroy(reporter);
#endif
}

/* Messages keep their first error to themselves since 6.7. */
static inline int sd_fmsg_u32_pair_put(struct devlink_fmsg *fmsg,
				       const char *name, u32 value)
{
#if KERNEL_VERSION(6, 7, 0) <= SD_KERNEL
	devlink_fmsg_u32_pair_put(fmsg, name, value);
	return 0;
#else
	return devlink_fmsg_u32_pair_put(fmsg, name, value);
#endif
}

/* A leaf may be born with a parent since 6.2. */
static inline int sd_devl_rate_leaf_create(struct devlink_port *port,
					   void *priv)
{
#if KERNEL_VERSION(6, 2, 0) <= SD_KERNEL
	return devl_rate_leaf_create(port, priv, NULL);
#else
	return devl_rate_leaf_create(port, priv);
#endif
}

/* The link from a port to its function's own instance came with 6.7. */
static inline int sd_port_fn_devlink_set(struct devlink_port *port,
					 struct devlink *fn_devlink)
{
#if KERNEL_VERSION(6, 7, 0) <= SD_KERNEL
	return devl_port_fn_devlink_set(port, fn_devlink);
#else
	return 0;
#endif
}

/*
 * Port operations moved from the instance (where a callback must tell by
 * itself whether a port is its business) to the port in 6.5. port.c defines a
 * table of them with the signatures of today; 6.1 has its own place for all
 * but the table.
 */
#if KERNEL_VERSION(6, 5, 0) <= SD_KERNEL
#define SD_DEVLINK_PORT_OPS						\
	.port_new = sd_port_new,

#define sd_new_port_t struct devlink_port *
#define sd_new_port(port) (port)

static inline int sd_devl_port_register(struct devlink *dl,
					struct devlink_port *port, u32 index,
					const struct devlink_port_ops *ops)
{
	return devl_port_register_with_ops(dl, port, index, ops);
}
#else
#define SD_DEVLINK_PORT_OPS						\
	.port_new			= sd_port_new,			\
	.port_del			= sd_port_del_index,		\
	.port_function_hw_addr_get	= sd_port_hw_addr_get,		\
	.port_function_hw_addr_set	= sd_port_hw_addr_set,		\
	.port_fn_state_get		= sd_port_state_get,		\
	.port_fn_state_set		= sd_port_state_set,

#define sd_new_port_t unsigned int
#define sd_new_port(port) ((port)->index)

struct devlink_port_ops {
	int (*port_del)(struct devlink *devlink, struct devlink_port *port,
			struct netlink_ext_ack *extack);
	int (*port_fn_hw_addr_get)(struct devlink_port *port, u8 *hw_addr,
				   int *hw_addr_len,
				   struct netlink_ext_ack *extack);
	int (*port_fn_hw_addr_set)(struct devlink_port *port,
				   const u8 *hw_addr, int hw_addr_len,
				   struct netlink_ext_ack *extack);
	int (*port_fn_state_get)(struct devlink_port *port,
				 enum devlink_port_fn_state *state,
				 enum devlink_port_fn_opstate *opstate,
				 struct netlink_ext_ack *extack);
	int (*port_fn_state_set)(struct devlink_port *port,
				 enum devlink_port_fn_state state,
				 struct netlink_ext_ack *extack);
};

static inline int sd_devl_port_register(struct devlink *dl,
					struct devlink_port *port, u32 index,
					const struct devlink_port_ops *ops)
{
	return devl_port_register(dl, port, index);
}
#endif

/*
 * What a port function can beyond address and state: RoCE came to the port's
 * table with 6.5, the number of I/O event queues in 6.10.
 */
#if KERNEL_VERSION(6, 10, 0) <= SD_KERNEL
#define SD_PORT_FN_SETTINGS						\
	.port_fn_roce_get = sd_port_roce_get,				\
	.port_fn_roce_set = sd_port_roce_set,				\
	.port_fn_max_io_eqs_get = sd_port_max_io_eqs_get,		\
	.port_fn_max_io_eqs_set = sd_port_max_io_eqs_set,
#elif KERNEL_VERSION(6, 5, 0) <= SD_KERNEL
#define SD_PORT_FN_SETTINGS						\
	.port_fn_roce_get = sd_port_roce_get,				\
	.port_fn_roce_set = sd_port_roce_set,
#else
#define SD_PORT_FN_SETTINGS
#endif

/*
 * A netdev names its port by a pointer that the core follows since 6.2.
 * Before, the driver answers an ndo and tells the port about the netdev, both
 * outside of rtnl.
 */
#if KERNEL_VERSION(6, 2, 0) <= SD_KERNEL
#define SD_NDO_GET_DEVLINK_PORT

static inline void sd_netdev_set_port(struct net_device *dev,
				      struct devlink_port *port)
{
	SET_NETDEV_DEVLINK_PORT(dev, port);
}

static inline void sd_port_netdev_set(struct devlink_port *port,
				      struct net_device *dev)
{
}

static inline void sd_port_netdev_clear(struct devlink_port *port)
{
}
#else
#define SD_NDO_GET_DEVLINK_PORT \
	.ndo_get_devlink_port = sd_netdev_get_devlink_port,

static inline void sd_netdev_set_port(struct net_device *dev,
				      struct devlink_port *port)
{
}

static inline void sd_port_netdev_set(struct devlink_port *port,
				      struct net_device *dev)
{
	devlink_port_type_eth_set(port, dev);
}

static inline void sd_port_netdev_clear(struct devlink_port *port)
{
	devlink_port_type_clear(port);
}
#endif

/* Lockless transmit became a bit of the netdev in 6.12. */
static inline void sd_netdev_set_lltx(struct net_device *dev)
{
#if KERNEL_VERSION(6, 12, 0) <= SD_KERNEL
	dev->lltx = true;
#else
	dev->features |= NETIF_F_LLTX;
#endif
}

#endif
