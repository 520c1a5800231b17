// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function's own devlink instance: mdev/UUID or auxiliary/subdev.sf.N.
 *
 * L2: nothing here takes devl(parent).
 */
#include "subdev.h"

enum {
	SD_PARAM_QUEUES = DEVLINK_PARAM_GENERIC_ID_MAX + 1,
};

static int sd_enable_eth_validate(struct devlink *devlink, u32 id,
				  union devlink_param_value val,
				  struct netlink_ext_ack *extack)
{
	return sd_fault(SD_FAULT_PARAM_SET, extack);
}

static int sd_queues_validate(struct devlink *devlink, u32 id,
			      union devlink_param_value val,
			      struct netlink_ext_ack *extack)
{
	struct sd_nested *nested = devlink_priv(devlink);

	if (!val.vu32 || val.vu32 > SD_QUEUES_MAX) {
		NL_SET_ERR_MSG(extack, "queues must be 1 to 64");
		return -EINVAL;
	}
	if (val.vu32 > READ_ONCE(nested->fn->parent->max_queues)) {
		NL_SET_ERR_MSG(extack,
			       "queues is more than the parent's max_queues");
		return -EINVAL;
	}
	return sd_fault(SD_FAULT_PARAM_SET, extack);
}

static const struct devlink_param sd_nested_params[] = {
	DEVLINK_PARAM_GENERIC(ENABLE_ETH, BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			      NULL, NULL, sd_enable_eth_validate),
	DEVLINK_PARAM_DRIVER(SD_PARAM_QUEUES, "queues", DEVLINK_PARAM_TYPE_U32,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, sd_queues_validate),
};

static void sd_nested_params_load(struct sd_nested *nested)
{
	struct devlink *devlink = priv_to_devlink(nested);
	union devlink_param_value val;

	if (!sd_param_value(devlink, DEVLINK_PARAM_GENERIC_ID_ENABLE_ETH, &val))
		nested->enable_eth = val.vbool;
	if (!sd_param_value(devlink, SD_PARAM_QUEUES, &val))
		nested->queues = val.vu32;
}

static void sd_nested_params_default(struct sd_nested *nested)
{
	struct devlink *devlink = priv_to_devlink(nested);
	union devlink_param_value val = {};

	val.vbool = false;
	sd_param_init(devlink, DEVLINK_PARAM_GENERIC_ID_ENABLE_ETH, val);
	val.vu32 = nested->fn->size;
	sd_param_init(devlink, SD_PARAM_QUEUES, val);
}

/* A driver that probes asks its device what it may. */
static void sd_nested_settings_load(struct sd_nested *nested)
{
	nested->roce = READ_ONCE(nested->fn->roce);
	nested->max_io_eqs = READ_ONCE(nested->fn->max_io_eqs);
}

/* Make what an active function has, by the values in force. */
static int sd_nested_up(struct sd_nested *nested)
{
	struct devlink_port_attrs attrs = {
		.flavour = DEVLINK_PORT_FLAVOUR_VIRTUAL,
	};
	struct sd_fn *fn = nested->fn;
	int err;

	sd_nested_settings_load(nested);
	if (!nested->enable_eth)
		goto out_probed;

	devlink_port_attrs_set(&nested->port, &attrs);
	err = devl_port_register(priv_to_devlink(nested), &nested->port, 0);
	if (err)
		return err;

	set_bit(SD_FN_ETH_WANTED, &fn->flags);
	nested->eth = sd_eth_add(nested);
	if (IS_ERR(nested->eth)) {
		err = PTR_ERR(nested->eth);
		nested->eth = NULL;
		goto err_port_unregister;
	}
out_probed:
	set_bit(SD_FN_PROBED, &fn->flags);
	return 0;

err_port_unregister:
	clear_bit(SD_FN_ETH_WANTED, &fn->flags);
	devl_port_unregister(&nested->port);
	return err;
}

static void sd_nested_down(struct sd_nested *nested)
{
	struct sd_fn *fn = nested->fn;

	clear_bit(SD_FN_PROBED, &fn->flags);
	if (!nested->eth)
		return;
	sd_eth_del(nested->eth);
	nested->eth = NULL;
	clear_bit(SD_FN_ETH_WANTED, &fn->flags);
	devl_port_unregister(&nested->port);
}

int sd_nested_activate(struct sd_nested *nested)
{
	struct devlink *devlink = priv_to_devlink(nested);
	int err;

	devl_lock(devlink);
	err = sd_nested_up(nested);
	nested->active = !err;
	devl_unlock(devlink);
	return err;
}

void sd_nested_deactivate(struct sd_nested *nested)
{
	struct devlink *devlink = priv_to_devlink(nested);

	devl_lock(devlink);
	sd_nested_down(nested);
	nested->active = false;
	devl_unlock(devlink);
}

static int sd_nested_info_get(struct devlink *devlink,
			      struct devlink_info_req *req,
			      struct netlink_ext_ack *extack)
{
	struct sd_nested *nested = devlink_priv(devlink);
	char text[16];
	int err;

	err = sd_info_driver_name_put(req, nested->dev->driver->name);
	if (err)
		return err;
	err = devlink_info_version_running_put(req, "fn.roce", nested->roce ?
					       "enable" : "disable");
	if (err)
		return err;
	snprintf(text, sizeof(text), "%u", nested->max_io_eqs);
	return devlink_info_version_running_put(req, "fn.max_io_eqs", text);
}

static int sd_nested_reload_down(struct devlink *devlink, bool netns_change,
				 enum devlink_reload_action action,
				 enum devlink_reload_limit limit,
				 struct netlink_ext_ack *extack)
{
	struct sd_nested *nested = devlink_priv(devlink);
	int err;

	err = sd_fault(SD_FAULT_RELOAD, extack);
	if (err)
		return err;
	sd_nested_down(nested);
	return 0;
}

static int sd_nested_reload_up(struct devlink *devlink,
			       enum devlink_reload_action action,
			       enum devlink_reload_limit limit,
			       u32 *actions_performed,
			       struct netlink_ext_ack *extack)
{
	struct sd_nested *nested = devlink_priv(devlink);
	int err;

	err = sd_fault(SD_FAULT_RELOAD_UP, extack);
	if (err)
		return err;
	sd_nested_params_load(nested);
	if (nested->active) {
		err = sd_nested_up(nested);
		if (err) {
			NL_SET_ERR_MSG(extack,
				       "The function's driver failed to probe");
			return err;
		}
	}
	*actions_performed = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT);
	return 0;
}

static const struct devlink_ops sd_nested_devlink_ops = {
	.reload_actions = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT),
	.reload_down = sd_nested_reload_down,
	.reload_up = sd_nested_reload_up,
	.info_get = sd_nested_info_get,
};

/**
 * sd_nested_create() - register a function's own devlink instance
 * @fn: the function. Its port must be registered
 * @dev: the device that names the instance
 * @active: whether the function is active from the start
 *
 * Called from the probe of @dev; for an mdev with devl(parent) held, for an SF
 * with or without (L4).
 *
 * Return: the instance, with the default params in force, or an error pointer.
 */
struct sd_nested *sd_nested_create(struct sd_fn *fn, struct device *dev,
				   bool active)
{
	struct net *net = devlink_net(priv_to_devlink(fn->parent));
	struct sd_nested *nested;
	struct devlink *devlink;
	int err;

	devlink = devlink_alloc_ns(&sd_nested_devlink_ops, sizeof(*nested), net,
				   dev);
	if (!devlink)
		return ERR_PTR(-ENOMEM);
	nested = devlink_priv(devlink);
	nested->fn = fn;
	nested->dev = dev;
	sd_nested_settings_load(nested);

	devl_lock(devlink);
	err = sd_params_register(devlink, sd_nested_params,
				 ARRAY_SIZE(sd_nested_params));
	if (err)
		goto err_devlink_free;
	sd_nested_params_default(nested);
	sd_nested_params_load(nested);

	/* The core wants the link made before the instance is registered. */
	err = sd_port_fn_devlink_set(&fn->port, devlink);
	if (err)
		goto err_params_unregister;

	if (active) {
		err = sd_nested_up(nested);
		if (err)
			goto err_params_unregister;
		nested->active = true;
	}
	sd_devl_enable_reload(devlink);
	sd_devl_register(devlink);
	devl_unlock(devlink);
	return nested;

err_params_unregister:
	sd_params_unregister(devlink, sd_nested_params,
			     ARRAY_SIZE(sd_nested_params));
err_devlink_free:
	devl_unlock(devlink);
	devlink_free(devlink);
	return ERR_PTR(err);
}

/**
 * sd_nested_destroy() - undo sd_nested_create()
 * @nested: the instance, without its lock (L6); freed
 */
void sd_nested_destroy(struct sd_nested *nested)
{
	struct devlink *devlink = priv_to_devlink(nested);

	sd_devl_unregister_and_lock(devlink);
	sd_nested_down(nested);
	sd_params_unregister(devlink, sd_nested_params,
			     ARRAY_SIZE(sd_nested_params));
	devl_unlock(devlink);
	devlink_free(devlink);
}
