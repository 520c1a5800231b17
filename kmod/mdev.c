// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions as mediated devices: created by a UUID, with a devlink instance
 * mdev/UUID that can be configured before anything probes.
 */
#include <linux/sysfs.h>

#include "subdev.h"

static const struct sd_mdev_size {
	const char *sysfs_name;
	const char *pretty_name;
	u32 size;
} sd_mdev_sizes[SD_MDEV_TYPES] = {
	{ "eth", "Ethernet function", 1 },
	{ "eth4", "Ethernet function, 4 queues", 4 },
};

static u32 sd_mdev_size(struct mdev_type *type)
{
	struct sd_device *sdev = to_sd_device(type->parent->dev);

	return sd_mdev_sizes[type - sdev->mdev_types].size;
}

static ssize_t sfnum_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct sd_fn *fn = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", fn->sfnum);
}
static DEVICE_ATTR_RO(sfnum);

static ssize_t port_index_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct sd_fn *fn = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", fn->port_index);
}
static DEVICE_ATTR_RO(port_index);

static struct attribute *sd_mdev_attrs[] = {
	&dev_attr_sfnum.attr,
	&dev_attr_port_index.attr,
	NULL,
};
ATTRIBUTE_GROUPS(sd_mdev);

static int sd_mdev_probe(struct mdev_device *mdev)
{
	struct sd_device *sdev = to_sd_device(mdev->type->parent->dev);
	struct sd_parent *parent = sdev->parent;
	struct devlink *devlink = priv_to_devlink(parent);
	struct sd_fn *fn;
	int err;

	devl_lock(devlink);
	fn = sd_fn_create(parent, SD_FN_MDEV, sd_mdev_size(mdev->type), 0,
			  NULL, NULL);
	if (IS_ERR(fn)) {
		err = PTR_ERR(fn);
		goto err_unlock;
	}
	fn->nested = sd_nested_create(fn, mdev_dev(mdev), false);
	if (IS_ERR(fn->nested)) {
		err = PTR_ERR(fn->nested);
		fn->nested = NULL;
		goto err_fn_destroy;
	}
	err = sd_fault(SD_FAULT_MDEV_CREATE, NULL);
	if (err)
		goto err_nested_destroy;

	dev_set_drvdata(mdev_dev(mdev), fn);
	devl_unlock(devlink);
	return 0;

err_nested_destroy:
	sd_nested_destroy(fn->nested);
	fn->nested = NULL;
err_fn_destroy:
	sd_fn_destroy(fn);
err_unlock:
	devl_unlock(devlink);
	return err;
}

static void sd_mdev_remove(struct mdev_device *mdev)
{
	struct sd_fn *fn = dev_get_drvdata(mdev_dev(mdev));
	struct sd_parent *parent = fn->parent;
	struct devlink *devlink = priv_to_devlink(parent);

	devl_lock(devlink);
	sd_netdevs_unregister(parent, fn);
	sd_nested_destroy(fn->nested);
	fn->nested = NULL;
	sd_fn_destroy(fn);
	devl_unlock(devlink);
}

static unsigned int sd_mdev_get_available(struct mdev_type *type)
{
	struct sd_device *sdev = to_sd_device(type->parent->dev);

	return (sdev->max_subdevices - READ_ONCE(sdev->parent->used)) /
	       sd_mdev_size(type);
}

static ssize_t sd_mdev_show_description(struct mdev_type *type, char *buf)
{
	return sysfs_emit(buf, "Ethernet function with a devlink instance of its own; size %u\n",
			  sd_mdev_size(type));
}

static struct mdev_driver sd_mdev_driver = {
	.device_api = "subdev-net",
	.probe = sd_mdev_probe,
	.remove = sd_mdev_remove,
	.get_available = sd_mdev_get_available,
	.show_description = sd_mdev_show_description,
	.driver = {
		.name = "subdev_mdev",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = sd_mdev_groups,
		/* The mdev bus cannot bind again what was unbound. */
		.suppress_bind_attrs = true,
	},
};

int sd_mdev_parent_register(struct sd_device *sdev)
{
	int i;

	for (i = 0; i < SD_MDEV_TYPES; i++) {
		sdev->mdev_types[i].sysfs_name = sd_mdev_sizes[i].sysfs_name;
		sdev->mdev_types[i].pretty_name = sd_mdev_sizes[i].pretty_name;
		sdev->mdev_type_ptrs[i] = &sdev->mdev_types[i];
	}
	return mdev_register_parent(&sdev->mdev_parent, &sdev->dev,
				    &sd_mdev_driver, sdev->mdev_type_ptrs,
				    SD_MDEV_TYPES);
}

void sd_mdev_parent_unregister(struct sd_device *sdev)
{
	mdev_unregister_parent(&sdev->mdev_parent);
}

int sd_mdev_init(void)
{
	return mdev_register_driver(&sd_mdev_driver);
}

void sd_mdev_exit(void)
{
	mdev_unregister_driver(&sd_mdev_driver);
}
