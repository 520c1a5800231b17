// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parent's devlink instance: info, reload, probe and remove.
 */
#include <linux/jhash.h>

#include "subdev.h"

static int sd_parent_info_get(struct devlink *devlink,
			      struct devlink_info_req *req,
			      struct netlink_ext_ack *extack)
{
	struct sd_parent *parent = devlink_priv(devlink);
	int err;

	err = sd_info_driver_name_put(req, SD_DRV_NAME);
	if (err)
		return err;
	err = devlink_info_serial_number_put(req, dev_name(&parent->sdev->dev));
	if (err)
		return err;
	if (*parent->nvm.asset_tag) {
		err = devlink_info_version_fixed_put(req, "asset.tag",
						     parent->nvm.asset_tag);
		if (err)
			return err;
	}
	return devlink_info_version_running_put(req, SD_DRV_NAME, SD_VERSION);
}

/* SFs go, mdevs cannot (L1) and become inactive, and no port is left. */
static void sd_parent_down(struct sd_parent *parent)
{
	unsigned long index;
	struct sd_fn *fn;

	sd_netdevs_unregister(parent, NULL);
	devl_rate_nodes_destroy(priv_to_devlink(parent));
	xa_for_each(&parent->fns, index, fn) {
		if (fn->kind == SD_FN_SF)
			sd_fn_destroy(fn);
		else
			sd_fn_deactivate(fn);
	}
	sd_eswitch_down(parent);
}

/**
 * sd_parent_reset() - what a NIC does to itself when its health recovers
 * @parent: the parent
 *
 * As mlx5: back to legacy mode, and nobody is told but by what goes.
 *
 * Return: 0 or an error.
 */
int sd_parent_reset(struct sd_parent *parent)
{
	struct devlink *devlink = priv_to_devlink(parent);
	int err = -ENODEV;

	devl_lock(devlink);
	if (!parent->dying) {
		sd_parent_down(parent);
		WRITE_ONCE(parent->mode, DEVLINK_ESWITCH_MODE_LEGACY);
		err = sd_eswitch_up(parent);
	}
	devl_unlock(devlink);
	return err;
}

/*
 * Eswitch mode, mdevs, their addresses and pending params stay. SFs go, as on
 * mlx5. mdevs cannot go (L1), they only become inactive.
 */
static int sd_parent_reload_down(struct devlink *devlink, bool netns_change,
				 enum devlink_reload_action action,
				 enum devlink_reload_limit limit,
				 struct netlink_ext_ack *extack)
{
	struct sd_parent *parent = devlink_priv(devlink);
	int err;

	if (parent->dying) {
		NL_SET_ERR_MSG(extack, "The device is being removed");
		return -ENODEV;
	}
	err = sd_fault(SD_FAULT_RELOAD, extack);
	if (err)
		return err;

	sd_parent_down(parent);
	return 0;
}

static int sd_parent_reload_up(struct devlink *devlink,
			       enum devlink_reload_action action,
			       enum devlink_reload_limit limit,
			       u32 *actions_performed,
			       struct netlink_ext_ack *extack)
{
	struct sd_parent *parent = devlink_priv(devlink);
	int err;

	err = sd_fault(SD_FAULT_RELOAD_UP, extack);
	if (err)
		return err;
	sd_parent_params_load(parent);
	err = sd_eswitch_up(parent);
	if (err) {
		NL_SET_ERR_MSG(extack,
			       "The ports did not come back, reload once more");
		return err;
	}
	*actions_performed = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT);
	return 0;
}

static const struct devlink_ops sd_parent_devlink_ops = {
	.reload_actions = BIT(DEVLINK_RELOAD_ACTION_DRIVER_REINIT),
	.reload_down = sd_parent_reload_down,
	.reload_up = sd_parent_reload_up,
	.info_get = sd_parent_info_get,
	.eswitch_mode_get = sd_eswitch_mode_get,
	.eswitch_mode_set = sd_eswitch_mode_set,
	.eswitch_inline_mode_get = sd_eswitch_inline_mode_get,
	.eswitch_inline_mode_set = sd_eswitch_inline_mode_set,
	.eswitch_encap_mode_get = sd_eswitch_encap_mode_get,
	.eswitch_encap_mode_set = sd_eswitch_encap_mode_set,
	.rate_leaf_tx_max_set = sd_rate_tx_max_set,
	.rate_leaf_tx_share_set = sd_rate_tx_share_set,
	.rate_leaf_parent_set = sd_rate_parent_set,
	.rate_node_tx_max_set = sd_rate_tx_max_set,
	.rate_node_tx_share_set = sd_rate_tx_share_set,
	.rate_node_parent_set = sd_rate_parent_set,
	.rate_node_new = sd_rate_node_new,
	.rate_node_del = sd_rate_node_del,
	SD_DEVLINK_PORT_OPS
};

static void sd_parent_init(struct sd_parent *parent, struct sd_device *sdev)
{
	const char *name = dev_name(&sdev->dev);
	u32 id[2];
	int i;

	parent->sdev = sdev;
	parent->uplink_addr = sdev->mac_base;
	parent->mode = DEVLINK_ESWITCH_MODE_LEGACY;
	parent->spoof_check = true;
	parent->next_index = SD_UPLINK_PORT_INDEX + 1;
	xa_init_flags(&parent->fns, XA_FLAGS_ALLOC1);
	for (i = 0; i < SD_CONTROLLERS; i++)
		xa_init_flags(&parent->sfnums[i], XA_FLAGS_ALLOC);
	hash_init(parent->veb);
	INIT_HLIST_HEAD(&parent->veb_all);

	/* The same for the same name, so that udev rules can rely on it. */
	id[0] = jhash(name, strlen(name), 0);
	id[1] = jhash(name, strlen(name), id[0]);
	memcpy(parent->switch_id.id, id, sizeof(id));
	parent->switch_id.id_len = sizeof(id);
}

static void sd_parent_fns_destroy(struct sd_parent *parent)
{
	unsigned long index;
	struct sd_fn *fn;

	devl_rate_nodes_destroy(priv_to_devlink(parent));
	xa_for_each(&parent->fns, index, fn)
		sd_fn_destroy(fn);
}

int sd_parent_probe(struct sd_device *sdev)
{
	struct sd_parent *parent;
	struct devlink *devlink;
	int err;

	devlink = devlink_alloc(&sd_parent_devlink_ops, sizeof(*parent),
				&sdev->dev);
	if (!devlink)
		return -ENOMEM;
	parent = devlink_priv(devlink);
	sd_parent_init(parent, sdev);
	sdev->parent = parent;

	devl_lock(devlink);
	err = sd_parent_params_add(parent);
	if (err)
		goto err_devlink_free;

	err = sd_resources_add(parent);
	if (err)
		goto err_params_del;

	err = sd_health_add(parent);
	if (err)
		goto err_resources_del;

	err = sd_lower_attach(parent);
	if (err)
		goto err_health_del;

	err = sd_eswitch_up(parent);
	if (err)
		goto err_lower_detach;

	sd_manners_add(parent);
	sd_devl_enable_reload(devlink);
	sd_devl_register(devlink);
	devl_unlock(devlink);

	/* L1: last, and without the lock */
	err = sd_mdev_parent_register(sdev);
	if (err)
		goto err_devlink_unregister;

	return 0;

err_devlink_unregister:
	devl_lock(devlink);
	parent->dying = true;
	devl_unlock(devlink);
	sd_manners_del(parent);
	sd_health_stop(parent);
	sd_devl_unregister_and_lock(devlink);
	sd_parent_fns_destroy(parent);
	sd_eswitch_down(parent);
err_lower_detach:
	sd_lower_detach(parent);
err_health_del:
	sd_health_del(parent);
err_resources_del:
	sd_resources_del(parent);
err_params_del:
	sd_parent_params_del(parent);
err_devlink_free:
	devl_unlock(devlink);
	sdev->parent = NULL;
	devlink_free(devlink);
	return err;
}

void sd_parent_remove(struct sd_device *sdev)
{
	struct sd_parent *parent = sdev->parent;
	struct devlink *devlink = priv_to_devlink(parent);
	int i;

	/*
	 * Everything new is refused from here on. The mdev core removes mdevs
	 * one by one, which would cost an RCU grace period for each netdev:
	 * take all the netdevs away before, at once.
	 */
	devl_lock(devlink);
	parent->dying = true;
	sd_netdevs_unregister(parent, NULL);
	devl_unlock(devlink);
	sd_manners_del(parent);
	sd_health_stop(parent);

	/* L1: first, and without the lock */
	sd_mdev_parent_unregister(sdev);

	sd_devl_unregister_and_lock(devlink);
	sd_parent_fns_destroy(parent);
	sd_eswitch_down(parent);
	sd_lower_detach(parent);
	sd_health_del(parent);
	sd_resources_del(parent);
	sd_parent_params_del(parent);
	devl_unlock(devlink);

	xa_destroy(&parent->fns);
	for (i = 0; i < SD_CONTROLLERS; i++)
		xa_destroy(&parent->sfnums[i]);
	sdev->parent = NULL;
	devlink_free(devlink);
}
