// SPDX-License-Identifier: GPL-2.0-only
/*
 * pcisf ports: "devlink port add" and "del", and the port function.
 */
#include <linux/etherdevice.h>

#include "subdev.h"

int sd_port_new(struct devlink *devlink,
		const struct devlink_port_new_attrs *attrs,
		struct netlink_ext_ack *extack, sd_new_port_t *new_port)
{
	struct sd_parent *parent = devlink_priv(devlink);
	u32 controller = attrs->controller_valid ? attrs->controller : 0;
	struct sd_fn *fn;
	int err;

	if (attrs->flavour != DEVLINK_PORT_FLAVOUR_PCI_SF) {
		NL_SET_ERR_MSG(extack, "Only ports of flavour pcisf can be added");
		return -EOPNOTSUPP;
	}
	if (attrs->port_index_valid) {
		NL_SET_ERR_MSG(extack, "The port index cannot be chosen");
		return -EOPNOTSUPP;
	}
	if (controller && sd_other_host() == SD_OTHER_HOST_NONE) {
		NL_SET_ERR_MSG(extack, "Only controller 0 exists");
		return -EOPNOTSUPP;
	}
	if (attrs->pfnum) {
		NL_SET_ERR_MSG(extack, "Only pfnum 0 exists");
		return -EOPNOTSUPP;
	}
	if (parent->mode != DEVLINK_ESWITCH_MODE_SWITCHDEV) {
		NL_SET_ERR_MSG(extack,
			       "SF ports are only supported in eswitch mode switchdev");
		return -EOPNOTSUPP;
	}
	/* Only then, as mlx5_sf_alloc() has it. */
	if (controller >= SD_CONTROLLERS) {
		NL_SET_ERR_MSG(extack, "Only controllers 0 and 1 exist");
		return -EINVAL;
	}

	fn = sd_fn_create(parent, SD_FN_SF, 1, controller,
			  attrs->sfnum_valid ? &attrs->sfnum : NULL, extack);
	if (IS_ERR(fn))
		return PTR_ERR(fn);

	err = sd_fault(SD_FAULT_PORT_ADD, extack);
	if (err) {
		sd_fn_destroy(fn);
		return err;
	}
	*new_port = sd_new_port(&fn->port);
	return 0;
}

/* By index, for 6.1 knows ports by nothing else here. */
int sd_port_del_index(struct devlink *devlink, unsigned int index,
		      struct netlink_ext_ack *extack)
{
	struct sd_parent *parent = devlink_priv(devlink);
	struct sd_fn *fn;

	fn = xa_load(&parent->fns, index);
	if (!fn) {
		NL_SET_ERR_MSG(extack, "Only ports of functions can be deleted");
		return index == SD_UPLINK_PORT_INDEX ? -EOPNOTSUPP : -ENODEV;
	}
	if (fn->kind == SD_FN_MDEV) {
		NL_SET_ERR_MSG(extack,
			       "The port belongs to an mdev: write 1 to that mdev's remove file");
		return -EOPNOTSUPP;
	}
	sd_fn_destroy(fn);
	return 0;
}

/* On 6.1 the callbacks are asked about the uplink, too. */
static struct sd_fn *sd_port_fn(struct devlink_port *port)
{
	if (port->attrs.flavour != DEVLINK_PORT_FLAVOUR_PCI_SF)
		return NULL;
	return container_of(port, struct sd_fn, port);
}

int sd_port_hw_addr_get(struct devlink_port *port, u8 *hw_addr, int *len,
			struct netlink_ext_ack *extack)
{
	struct sd_fn *fn = sd_port_fn(port);

	if (!fn)
		return -EOPNOTSUPP;
	u64_to_ether_addr(READ_ONCE(fn->hw_addr), hw_addr);
	*len = ETH_ALEN;
	return 0;
}

int sd_port_hw_addr_set(struct devlink_port *port, const u8 *hw_addr, int len,
			struct netlink_ext_ack *extack)
{
	struct sd_fn *fn = sd_port_fn(port);
	int err;

	if (!fn)
		return -EOPNOTSUPP;
	if (len != ETH_ALEN || !is_valid_ether_addr(hw_addr)) {
		NL_SET_ERR_MSG(extack,
			       "hw_addr must be a unicast MAC address other than zero");
		return -EINVAL;
	}
	if (test_bit(SD_FN_ACTIVE, &fn->flags) &&
	    !READ_ONCE(fn->parent->accept_mac_when_active)) {
		NL_SET_ERR_MSG(extack,
			       "hw_addr can only be set while the function is inactive");
		return -EBUSY;
	}
	err = sd_fault(SD_FAULT_FUNCTION_SET, extack);
	if (err)
		return err;
	WRITE_ONCE(fn->hw_addr, ether_addr_to_u64(hw_addr));
	return 0;
}

/* Attached means that a host driver has all there is of it. */
static bool sd_fn_is_attached(const struct sd_fn *fn, unsigned long flags)
{
	if (fn->controller)
		return flags & BIT(SD_FN_ACTIVE) &&
		       sd_other_host() == SD_OTHER_HOST_ATTACHES;
	return flags & BIT(SD_FN_PROBED) &&
	       (!(flags & BIT(SD_FN_ETH_WANTED)) ||
		flags & BIT(SD_FN_ETH_BOUND));
}

/* L3: no lock. */
int sd_port_state_get(struct devlink_port *port,
		      enum devlink_port_fn_state *state,
		      enum devlink_port_fn_opstate *opstate,
		      struct netlink_ext_ack *extack)
{
	struct sd_fn *fn = sd_port_fn(port);
	unsigned long flags;

	if (!fn)
		return -EOPNOTSUPP;
	flags = READ_ONCE(fn->flags);
	*state = flags & BIT(SD_FN_ACTIVE) ? DEVLINK_PORT_FN_STATE_ACTIVE :
					     DEVLINK_PORT_FN_STATE_INACTIVE;
	*opstate = sd_fn_is_attached(fn, flags) ?
		   DEVLINK_PORT_FN_OPSTATE_ATTACHED :
		   DEVLINK_PORT_FN_OPSTATE_DETACHED;
	return 0;
}

int sd_port_state_set(struct devlink_port *port,
		      enum devlink_port_fn_state state,
		      struct netlink_ext_ack *extack)
{
	struct sd_fn *fn = sd_port_fn(port);

	if (!fn)
		return -EOPNOTSUPP;
	switch (state) {
	case DEVLINK_PORT_FN_STATE_ACTIVE:
		return sd_fn_activate(fn, extack);
	case DEVLINK_PORT_FN_STATE_INACTIVE:
		sd_fn_deactivate(fn);
		return 0;
	}
	return -EOPNOTSUPP;
}

/* As on mlx5 these are taken at any time, and count from the next probe on. */
static __maybe_unused int sd_port_roce_get(struct devlink_port *port,
					   bool *is_enable,
					   struct netlink_ext_ack *extack)
{
	*is_enable = READ_ONCE(sd_port_fn(port)->roce);
	return 0;
}

static __maybe_unused int sd_port_roce_set(struct devlink_port *port,
					   bool enable,
					   struct netlink_ext_ack *extack)
{
	int err = sd_fault(SD_FAULT_FUNCTION_SET, extack);

	if (!err)
		WRITE_ONCE(sd_port_fn(port)->roce, enable);
	return err;
}

static __maybe_unused int sd_port_max_io_eqs_get(struct devlink_port *port,
						 u32 *max_eqs,
						 struct netlink_ext_ack *extack)
{
	*max_eqs = READ_ONCE(sd_port_fn(port)->max_io_eqs);
	return 0;
}

static __maybe_unused int sd_port_max_io_eqs_set(struct devlink_port *port,
						 u32 max_eqs,
						 struct netlink_ext_ack *extack)
{
	int err;

	if (!max_eqs || max_eqs > SD_QUEUES_MAX) {
		NL_SET_ERR_MSG(extack, "max_io_eqs must be 1 to 64");
		return -EINVAL;
	}
	err = sd_fault(SD_FAULT_FUNCTION_SET, extack);
	if (!err)
		WRITE_ONCE(sd_port_fn(port)->max_io_eqs, max_eqs);
	return err;
}

static int sd_port_del(struct devlink *devlink, struct devlink_port *port,
		       struct netlink_ext_ack *extack)
{
	return sd_port_del_index(devlink, port->index, extack);
}

static const struct devlink_port_ops sd_fn_port_ops = {
	.port_del = sd_port_del,
	.port_fn_hw_addr_get = sd_port_hw_addr_get,
	.port_fn_hw_addr_set = sd_port_hw_addr_set,
	.port_fn_state_get = sd_port_state_get,
	.port_fn_state_set = sd_port_state_set,
	SD_PORT_FN_SETTINGS
};

/**
 * sd_fn_port_register() - register a function's port
 * @fn: the function, devl(parent) held
 *
 * May be called again after sd_fn_port_unregister(): what @fn->port remembers
 * of the nested instance is still true then.
 *
 * Return: 0 or an error.
 */
int sd_fn_port_register(struct sd_fn *fn)
{
	struct sd_parent *parent = fn->parent;
	int err;

	fn->port.attrs.switch_id = parent->switch_id;
	devlink_port_attrs_pci_sf_set(&fn->port, fn->controller, 0, fn->sfnum,
				      !!fn->controller);
	err = sd_devl_port_register(priv_to_devlink(parent), &fn->port,
				    fn->port_index, &sd_fn_port_ops);
	fn->port_registered = !err;
	return err;
}

void sd_fn_port_unregister(struct sd_fn *fn)
{
	if (!fn->port_registered)
		return;
	fn->port_registered = false;
	devl_port_unregister(&fn->port);
}
