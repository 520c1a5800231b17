// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions: the pool they come from, and their life.
 */
#include <linux/etherdevice.h>
#include <linux/slab.h>

#include "subdev.h"

static u64 sd_fn_default_hw_addr(struct sd_fn *fn)
{
	u64 base = fn->parent->sdev->mac_base;
	u8 addr[ETH_ALEN];

	/* The base itself is the uplink's. Each controller has all numbers. */
	if (base) {
		u64_to_ether_addr(base + 1 + fn->sfnum +
				  ((u64)fn->controller << 32), addr);
		if (is_valid_ether_addr(addr))
			return ether_addr_to_u64(addr);
	}
	eth_random_addr(addr);
	return ether_addr_to_u64(addr);
}

static struct xarray *sd_fn_numbers(struct sd_parent *parent, u32 controller)
{
	return &parent->sfnums[controller];
}

static int sd_fn_number(struct sd_fn *fn, const u32 *sfnum)
{
	struct sd_parent *parent = fn->parent;
	struct xarray *numbers = sd_fn_numbers(parent, fn->controller);

	if (!sfnum)
		return xa_alloc(numbers, &fn->sfnum, fn,
				XA_LIMIT(parent->nvm.auto_sfnum_min,
					 U32_MAX),
				GFP_KERNEL);

	fn->sfnum = *sfnum;
	return xa_insert(numbers, fn->sfnum, fn, GFP_KERNEL);
}

/* Readers of these have no lock. */
static void sd_fn_count(struct sd_fn *fn, int step)
{
	struct sd_parent *parent = fn->parent;

	WRITE_ONCE(parent->nr_fns, parent->nr_fns + step);
	WRITE_ONCE(parent->used, parent->used + step * (int)fn->size);
}

/**
 * sd_fn_plug() - register a function's port and, in switchdev, representor
 * @fn: the function, devl(parent) held
 *
 * Return: 0, or an error with nothing registered.
 */
int sd_fn_plug(struct sd_fn *fn)
{
	struct sd_netdev_args args = {
		.parent = fn->parent,
		.fn = fn,
		.side = SD_SIDE_REP,
		.dev = &fn->parent->sdev->dev,
		.port = &fn->port,
		.queues = 1,
	};
	struct net_device *rep;
	int err;

	err = sd_fn_port_register(fn);
	if (err)
		return err;
	if (fn->parent->mode != DEVLINK_ESWITCH_MODE_SWITCHDEV)
		return 0;

	err = sd_rate_leaf_add(fn);
	if (err)
		goto err_port_unregister;

	rep = sd_netdev_register(&args);
	if (IS_ERR(rep)) {
		err = PTR_ERR(rep);
		goto err_rate_del;
	}
	return 0;

err_rate_del:
	sd_rate_leaf_del(fn);
err_port_unregister:
	sd_fn_port_unregister(fn);
	return err;
}

void sd_fn_unplug(struct sd_fn *fn)
{
	if (fn->nd[SD_SIDE_REP])
		sd_fn_netdev_unregister(fn, SD_SIDE_REP, &fn->port);
	sd_rate_leaf_del(fn);
	sd_fn_port_unregister(fn);
}

/**
 * sd_fn_create() - take a function out of the pool and give it a port
 * @parent: the parent, devl(parent) held
 * @kind: who asks
 * @size: places of the pool that it takes
 * @controller: whose host is to run it, less than %SD_CONTROLLERS; 0 is here
 * @sfnum: the SF number, or NULL for the first free one that is not for people
 * @extack: may be NULL
 *
 * Return: the function, inactive, or an error pointer.
 */
struct sd_fn *sd_fn_create(struct sd_parent *parent, enum sd_fn_kind kind,
			   u32 size, u32 controller, const u32 *sfnum,
			   struct netlink_ext_ack *extack)
{
	struct sd_fn *fn;
	int err;

	if (parent->dying || !parent->up) {
		NL_SET_ERR_MSG(extack,
			       "The device is being removed, or its last reload failed");
		return ERR_PTR(-ENODEV);
	}
	/* Before the pool, as mlx5_sf_hw_table_id_alloc() has it. */
	if (sfnum && xa_load(sd_fn_numbers(parent, controller), *sfnum)) {
		NL_SET_ERR_MSG(extack, "A function with this sfnum exists");
		return ERR_PTR(-EEXIST);
	}
	if (size > parent->sdev->max_subdevices - parent->used) {
		NL_SET_ERR_MSG(extack, "All subdevices are in use");
		return ERR_PTR(-ENOSPC);
	}

	fn = kzalloc(sizeof(*fn), GFP_KERNEL);
	if (!fn)
		return ERR_PTR(-ENOMEM);
	fn->parent = parent;
	fn->kind = kind;
	fn->size = size;
	fn->controller = controller;
	mutex_init(&fn->eth_lock);
	fn->roce = true;
	fn->max_io_eqs = SD_QUEUES_MAX;
	sd_rate_init(&fn->rate);

	/* Cyclic: an index means something else only after a long time. */
	err = xa_alloc_cyclic(&parent->fns, &fn->port_index, fn,
			      XA_LIMIT(SD_UPLINK_PORT_INDEX + 1, S32_MAX),
			      &parent->next_index, GFP_KERNEL);
	if (err < 0)
		goto err_free;

	err = sd_fn_number(fn, sfnum);
	if (err)
		goto err_index_free;

	fn->hw_addr = sd_fn_default_hw_addr(fn);
	sd_fn_count(fn, 1);

	err = sd_fn_plug(fn);
	if (err)
		goto err_number_free;

	return fn;

err_number_free:
	sd_fn_count(fn, -1);
	xa_erase(sd_fn_numbers(parent, controller), fn->sfnum);
err_index_free:
	xa_erase(&parent->fns, fn->port_index);
err_free:
	mutex_destroy(&fn->eth_lock);
	kfree(fn);
	return ERR_PTR(err);
}

/**
 * sd_fn_destroy() - undo sd_fn_create(), whatever happened since
 * @fn: the function, devl(parent) held; freed
 *
 * An mdev's nested instance must be gone.
 */
void sd_fn_destroy(struct sd_fn *fn)
{
	struct sd_parent *parent = fn->parent;

	/* Both netdevs in one go. */
	sd_netdevs_unregister(parent, fn);
	sd_fn_deactivate(fn);
	sd_fn_unplug(fn);
	sd_fn_count(fn, -1);
	xa_erase(sd_fn_numbers(parent, fn->controller), fn->sfnum);
	xa_erase(&parent->fns, fn->port_index);
	mutex_destroy(&fn->eth_lock);
	kfree(fn);
}

static int sd_fn_bring_up(struct sd_fn *fn)
{
	/* Its devices are on the other host. */
	if (fn->controller)
		return 0;
	if (fn->kind == SD_FN_MDEV)
		return sd_nested_activate(fn->nested);
	return sd_sf_add(fn);
}

/* For the parent's work: nobody is left to be told of a failure. */
void sd_fn_activate_late(struct sd_fn *fn)
{
	fn->activate_later = false;
	if (sd_fn_bring_up(fn))
		dev_err(&fn->parent->sdev->dev, "function %u failed to probe\n",
			fn->sfnum);
}

/**
 * sd_fn_activate() - hand a function to its host driver
 * @fn: the function, devl(parent) held
 * @extack: for the reason of a failure
 *
 * When this returns, the function's devices and netdev exist, unless the
 * parent was told to be late with that.
 *
 * Return: 0, or an error with the function inactive.
 */
int sd_fn_activate(struct sd_fn *fn, struct netlink_ext_ack *extack)
{
	u32 late = READ_ONCE(fn->parent->async_activate);
	int err;

	if (test_bit(SD_FN_ACTIVE, &fn->flags))
		return 0;
	if (fn->parent->dying) {
		NL_SET_ERR_MSG(extack, "The device is being removed");
		return -ENODEV;
	}

	if (late) {
		fn->activate_later = true;
		fn->activate_at = jiffies + msecs_to_jiffies(late);
		schedule_delayed_work(&fn->parent->activate_work,
				      msecs_to_jiffies(late));
		err = 0;
	} else {
		err = sd_fn_bring_up(fn);
	}
	if (err) {
		NL_SET_ERR_MSG(extack, "The function's driver failed to probe");
		return err;
	}
	set_bit(SD_FN_ACTIVE, &fn->flags);

	/* As late as can be, so that all of it is seen to unwind. */
	err = sd_fault(SD_FAULT_ACTIVATE, extack);
	if (err)
		sd_fn_deactivate(fn);
	return err;
}

/**
 * sd_fn_deactivate() - take a function back from its host driver
 * @fn: the function, devl(parent) held
 */
void sd_fn_deactivate(struct sd_fn *fn)
{
	if (!test_bit(SD_FN_ACTIVE, &fn->flags))
		return;
	fn->activate_later = false;
	if (fn->kind == SD_FN_SF)
		sd_sf_del(fn);
	else if (fn->nested)
		sd_nested_deactivate(fn->nested);
	clear_bit(SD_FN_ACTIVE, &fn->flags);
}
