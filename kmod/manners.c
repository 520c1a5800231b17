// SPDX-License-Identifier: GPL-2.0-only
/*
 * Manners of real hardware, most of them each parent's own: debugfs
 * subdev/NAME/.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/workqueue.h>

#include "subdev.h"

/* Less than what the kernel calls a hung task. */
#define SD_BUSY_MAX_MS 30000

/*
 * Of all parents, and of those to come: a parent that is made again, as undoing
 * a removal does it, is on the same machine.
 */
static u32 sd_other_host_manner;

/* What another host does that the parents are shared with, as on a DPU. */
u32 sd_other_host(void)
{
	return READ_ONCE(sd_other_host_manner);
}

static int sd_other_host_get(void *data, u64 *val)
{
	*val = sd_other_host();
	return 0;
}

static int sd_other_host_set(void *data, u64 val)
{
	if (val > SD_OTHER_HOST_ATTACHES)
		return -EINVAL;
	WRITE_ONCE(sd_other_host_manner, val);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(sd_other_host_fops, sd_other_host_get,
			 sd_other_host_set, "%llu\n");

void sd_manners_init(void)
{
	debugfs_create_file_unsafe("other_host", 0600, sd_fault_debugfs(), NULL,
				   &sd_other_host_fops);
}

/* Its health reporter counts it as a recovery, as mlx5's fw_fatal does. */
static int sd_reset_set(void *data, u64 val)
{
	struct sd_parent *parent = data;
	int err;

	err = sd_parent_reset(parent);
	if (err)
		return err;
	return devlink_health_report(parent->health, "device reset", parent);
}
DEFINE_DEBUGFS_ATTRIBUTE(sd_reset_fops, NULL, sd_reset_set, "%llu\n");

/* The instance answers nobody for so many milliseconds. */
static int sd_busy_set(void *data, u64 val)
{
	struct devlink *devlink = priv_to_devlink((struct sd_parent *)data);

	if (val > SD_BUSY_MAX_MS)
		return -EINVAL;
	devl_lock(devlink);
	msleep_interruptible(val);
	devl_unlock(devlink);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(sd_busy_fops, NULL, sd_busy_set, "%llu\n");

/* Brings up what is due, and comes again for the rest. */
static void sd_activate_work(struct work_struct *work)
{
	struct sd_parent *parent = container_of(to_delayed_work(work),
						struct sd_parent,
						activate_work);
	struct devlink *devlink = priv_to_devlink(parent);
	unsigned long index, now = jiffies, next = 0;
	struct sd_fn *fn;

	devl_lock(devlink);
	if (parent->dying)
		goto out;
	xa_for_each(&parent->fns, index, fn) {
		if (!fn->activate_later)
			continue;
		if (time_after(fn->activate_at, now)) {
			if (!next || time_before(fn->activate_at, next))
				next = fn->activate_at;
			continue;
		}
		sd_fn_activate_late(fn);
	}
	if (next)
		schedule_delayed_work(&parent->activate_work, next - now);
out:
	devl_unlock(devlink);
}

/**
 * sd_manners_add() - make the parent's debugfs files
 * @parent: the parent; all else of it is there
 */
void sd_manners_add(struct sd_parent *parent)
{
	struct dentry *dir;

	INIT_DELAYED_WORK(&parent->activate_work, sd_activate_work);
	dir = debugfs_create_dir(dev_name(&parent->sdev->dev),
				 sd_fault_debugfs());
	parent->debugfs = dir;
	debugfs_create_file_unsafe("reset", 0200, dir, parent, &sd_reset_fops);
	debugfs_create_file_unsafe("busy", 0200, dir, parent, &sd_busy_fops);
	debugfs_create_u32("async_activate", 0600, dir,
			   &parent->async_activate);
	debugfs_create_bool("accept_mac_when_active", 0600, dir,
			    &parent->accept_mac_when_active);
}

/**
 * sd_manners_del() - undo sd_manners_add()
 * @parent: the parent, without devl(parent): both of these wait for who wants it
 *
 * Functions can still be told to become active later unless the parent is
 * dying, so call it after that is set.
 */
void sd_manners_del(struct sd_parent *parent)
{
	debugfs_remove_recursive(parent->debugfs);
	cancel_delayed_work_sync(&parent->activate_work);
}
