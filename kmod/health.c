// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the parent tells about itself: the resource that functions are, and a
 * health reporter, which has nothing to report but what a test triggers.
 */
#include <linux/workqueue.h>

#include "subdev.h"

#define SD_RESOURCE_SUBDEVICES 1

static u64 sd_subdevices_occ_get(void *priv)
{
	struct sd_parent *parent = priv;

	return READ_ONCE(parent->used);
}

int sd_resources_add(struct sd_parent *parent)
{
	struct devlink *devlink = priv_to_devlink(parent);
	struct devlink_resource_size_params params;
	u32 size = parent->sdev->max_subdevices;
	int err;

	/* Of one size: that is chosen when the parent is made. */
	devlink_resource_size_params_init(&params, size, size, 1,
					  DEVLINK_RESOURCE_UNIT_ENTRY);
	err = devl_resource_register(devlink, "subdevices", size,
				     SD_RESOURCE_SUBDEVICES,
				     DEVLINK_RESOURCE_ID_PARENT_TOP, &params);
	if (err)
		return err;
	devl_resource_occ_get_register(devlink, SD_RESOURCE_SUBDEVICES,
				       sd_subdevices_occ_get, parent);
	return 0;
}

void sd_resources_del(struct sd_parent *parent)
{
	struct devlink *devlink = priv_to_devlink(parent);

	devl_resource_occ_get_unregister(devlink, SD_RESOURCE_SUBDEVICES);
	devl_resources_unregister(devlink);
}

/*
 * Reporting takes the instance's lock on new kernels, so it must not be done
 * by the callback, which comes with it.
 */
static void sd_health_work(struct work_struct *work)
{
	struct sd_parent *parent = container_of(work, struct sd_parent,
						health_work);

	devlink_health_report(parent->health, "test", parent);
}

static int sd_health_test(struct devlink_health_reporter *reporter,
			  struct netlink_ext_ack *extack)
{
	struct sd_parent *parent = devlink_health_reporter_priv(reporter);

	if (parent->dying) {
		NL_SET_ERR_MSG(extack, "The device is being removed");
		return -ENODEV;
	}
	schedule_work(&parent->health_work);
	return 0;
}

static int sd_health_recover(struct devlink_health_reporter *reporter,
			     void *priv_ctx, struct netlink_ext_ack *extack)
{
	return 0;
}

static int sd_health_diagnose(struct devlink_health_reporter *reporter,
			      struct devlink_fmsg *fmsg,
			      struct netlink_ext_ack *extack)
{
	struct sd_parent *parent = devlink_health_reporter_priv(reporter);
	unsigned long index;
	struct sd_fn *fn;
	u32 active = 0;
	int err;

	xa_for_each(&parent->fns, index, fn)
		active += test_bit(SD_FN_ACTIVE, &fn->flags);

	err = sd_fmsg_u32_pair_put(fmsg, "functions", parent->nr_fns);
	if (err)
		return err;
	err = sd_fmsg_u32_pair_put(fmsg, "active", active);
	if (err)
		return err;
	return sd_fmsg_u32_pair_put(fmsg, "ports up", parent->up);
}

static const struct devlink_health_reporter_ops sd_health_ops = {
	.name = "dev",
	.recover = sd_health_recover,
	.diagnose = sd_health_diagnose,
	.test = sd_health_test,
};

int sd_health_add(struct sd_parent *parent)
{
	struct devlink_health_reporter *health;

	INIT_WORK(&parent->health_work, sd_health_work);
	health = sd_health_reporter_create(priv_to_devlink(parent),
					   &sd_health_ops, parent);
	if (IS_ERR(health))
		return PTR_ERR(health);
	parent->health = health;
	return 0;
}

/**
 * sd_health_stop() - nothing is reported after this
 * @parent: the parent, dying, and without devl(parent), which the work takes
 */
void sd_health_stop(struct sd_parent *parent)
{
	cancel_work_sync(&parent->health_work);
}

void sd_health_del(struct sd_parent *parent)
{
	sd_health_reporter_destroy(parent->health);
}
