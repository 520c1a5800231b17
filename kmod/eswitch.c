// SPDX-License-Identifier: GPL-2.0-only
/*
 * The eswitch: its modes, the uplink, and bringing all ports up and down.
 */
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>

#include "subdev.h"

int sd_eswitch_mode_get(struct devlink *devlink, u16 *mode)
{
	struct sd_parent *parent = devlink_priv(devlink);

	*mode = parent->mode;
	return 0;
}

/*
 * Functions would lose or get a representor by a switch, and those made by
 * port add have no place in legacy mode at all. mlx5 deletes them in silence;
 * here the user is asked to do it. The core refuses while rate nodes exist.
 */
int sd_eswitch_mode_set(struct devlink *devlink, u16 mode,
			struct netlink_ext_ack *extack)
{
	struct sd_parent *parent = devlink_priv(devlink);
	int err;

	if (mode != DEVLINK_ESWITCH_MODE_LEGACY &&
	    mode != DEVLINK_ESWITCH_MODE_SWITCHDEV) {
		NL_SET_ERR_MSG(extack,
			       "Only modes legacy and switchdev are supported");
		return -EOPNOTSUPP;
	}
	err = sd_fault(SD_FAULT_MODE_SET, extack);
	if (err)
		return err;
	if (mode == parent->mode)
		return 0;
	if (parent->nr_fns) {
		NL_SET_ERR_MSG(extack,
			       "Functions exist: the eswitch mode can change only without any");
		return -EBUSY;
	}
	WRITE_ONCE(parent->mode, mode);
	return 0;
}

int sd_eswitch_inline_mode_get(struct devlink *devlink, u8 *mode)
{
	*mode = DEVLINK_ESWITCH_INLINE_MODE_NONE;
	return 0;
}

int sd_eswitch_inline_mode_set(struct devlink *devlink, u8 mode,
			       struct netlink_ext_ack *extack)
{
	if (mode == DEVLINK_ESWITCH_INLINE_MODE_NONE)
		return 0;
	NL_SET_ERR_MSG(extack, "Only inline-mode none is supported");
	return -EOPNOTSUPP;
}

int sd_eswitch_encap_mode_get(struct devlink *devlink,
			      enum devlink_eswitch_encap_mode *mode)
{
	*mode = DEVLINK_ESWITCH_ENCAP_MODE_NONE;
	return 0;
}

int sd_eswitch_encap_mode_set(struct devlink *devlink,
			      enum devlink_eswitch_encap_mode mode,
			      struct netlink_ext_ack *extack)
{
	if (mode == DEVLINK_ESWITCH_ENCAP_MODE_NONE)
		return 0;
	NL_SET_ERR_MSG(extack, "Only encap-mode none is supported");
	return -EOPNOTSUPP;
}

static int sd_uplink_up(struct sd_parent *parent)
{
	struct devlink *devlink = priv_to_devlink(parent);
	struct devlink_port_attrs attrs = {
		.flavour = DEVLINK_PORT_FLAVOUR_PHYSICAL,
		.switch_id = parent->switch_id,
	};
	struct sd_netdev_args args = {
		.parent = parent,
		.dev = &parent->sdev->dev,
		.port = &parent->port,
		.hw_addr = parent->uplink_addr,
		.queues = 1,
	};
	struct net_device *uplink;
	int err;

	devlink_port_attrs_set(&parent->port, &attrs);
	err = devl_port_register(devlink, &parent->port, SD_UPLINK_PORT_INDEX);
	if (err)
		return err;

	uplink = sd_netdev_register(&args);
	if (IS_ERR(uplink)) {
		devl_port_unregister(&parent->port);
		return PTR_ERR(uplink);
	}
	return 0;
}

static void sd_uplink_down(struct sd_parent *parent)
{
	sd_uplink_netdev_unregister(parent);
	devl_port_unregister(&parent->port);
}

/**
 * sd_eswitch_up() - register the uplink and the ports of all functions
 * @parent: the parent, devl(parent) held
 *
 * Return: 0, or an error with everything down again.
 */
int sd_eswitch_up(struct sd_parent *parent)
{
	unsigned long index;
	struct sd_fn *fn;
	int err;

	err = sd_uplink_up(parent);
	if (err)
		return err;

	xa_for_each(&parent->fns, index, fn) {
		err = sd_fn_plug(fn);
		if (err)
			goto err_unplug;
	}
	parent->up = true;
	return 0;

err_unplug:
	sd_netdevs_unregister(parent, NULL);
	xa_for_each(&parent->fns, index, fn)
		sd_fn_unplug(fn);
	sd_uplink_down(parent);
	return err;
}

/**
 * sd_eswitch_down() - unregister what sd_eswitch_up() registered
 * @parent: the parent, devl(parent) held
 *
 * All functions must be inactive. Harmless when down already.
 */
void sd_eswitch_down(struct sd_parent *parent)
{
	unsigned long index;
	struct sd_fn *fn;

	if (!parent->up)
		return;
	parent->up = false;
	xa_for_each(&parent->fns, index, fn)
		sd_fn_unplug(fn);
	sd_uplink_down(parent);
}
