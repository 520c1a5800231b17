// SPDX-License-Identifier: GPL-2.0-only
/*
 * Subfunctions: the auxiliary device of an active one, and its host driver,
 * which gives it a devlink instance of its own and nothing else until asked.
 */
#include <linux/idr.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "subdev.h"

/**
 * struct sd_sf - auxiliary device of an active subfunction
 * @adev: the device, subdev.sf.N
 * @fn: the function, which outlives it
 * @nested: its devlink instance, while probed. device_lock(@adev)
 * @probe_err: why probe failed, since the driver core does not tell
 */
struct sd_sf {
	struct auxiliary_device adev;
	struct sd_fn *fn;
	struct sd_nested *nested;
	int probe_err;
};

static DEFINE_IDA(sd_sf_ida);

static struct sd_sf *to_sd_sf(struct device *dev)
{
	return container_of(to_auxiliary_dev(dev), struct sd_sf, adev);
}

static ssize_t sfnum_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%u\n", to_sd_sf(dev)->fn->sfnum);
}
static DEVICE_ATTR_RO(sfnum);

static ssize_t port_index_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_sd_sf(dev)->fn->port_index);
}
static DEVICE_ATTR_RO(port_index);

static struct attribute *sd_sf_attrs[] = {
	&dev_attr_sfnum.attr,
	&dev_attr_port_index.attr,
	NULL,
};
ATTRIBUTE_GROUPS(sd_sf);

static void sd_sf_release(struct device *dev)
{
	struct sd_sf *sf = to_sd_sf(dev);

	ida_free(&sd_sf_ida, sf->adev.id);
	kfree(sf);
	sd_live_put();
}

static int sd_sf_probe(struct auxiliary_device *adev,
		       const struct auxiliary_device_id *id)
{
	struct sd_sf *sf = to_sd_sf(&adev->dev);
	struct sd_nested *nested;

	nested = sd_nested_create(sf->fn, &adev->dev, true);
	sf->probe_err = PTR_ERR_OR_ZERO(nested);
	if (!sf->probe_err)
		sf->nested = nested;
	return sf->probe_err;
}

static void sd_sf_remove(struct auxiliary_device *adev)
{
	struct sd_sf *sf = to_sd_sf(&adev->dev);

	sd_nested_destroy(sf->nested);
	sf->nested = NULL;
}

static const struct auxiliary_device_id sd_sf_ids[] = {
	{ .name = SD_DRV_NAME ".sf" },
	{}
};

static struct auxiliary_driver sd_sf_driver = {
	.name = "sf",
	.probe = sd_sf_probe,
	.remove = sd_sf_remove,
	.id_table = sd_sf_ids,
	.driver = {
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

/**
 * sd_sf_add() - make the auxiliary device of a subfunction
 * @fn: the function, devl(parent) held
 *
 * If the auxiliary bus was told not to probe, the device stays without driver;
 * that is no error, the port then says detached.
 *
 * Return: 0 or an error.
 */
int sd_sf_add(struct sd_fn *fn)
{
	struct sd_sf *sf;
	int id, err;

	sf = kzalloc(sizeof(*sf), GFP_KERNEL);
	if (!sf)
		return -ENOMEM;
	id = ida_alloc(&sd_sf_ida, GFP_KERNEL);
	if (id < 0) {
		kfree(sf);
		return id;
	}
	sf->fn = fn;
	sf->adev.id = id;
	sf->adev.name = "sf";
	sf->adev.dev.parent = &fn->parent->sdev->dev;
	sf->adev.dev.groups = sd_sf_groups;
	sf->adev.dev.release = sd_sf_release;

	err = auxiliary_device_init(&sf->adev);
	if (err) {
		ida_free(&sd_sf_ida, id);
		kfree(sf);
		return err;
	}
	sd_live_get();

	err = auxiliary_device_add(&sf->adev);
	if (err)
		goto err_uninit;
	err = sf->probe_err;
	if (err)
		goto err_delete;

	fn->sf = sf;
	return 0;

err_delete:
	auxiliary_device_delete(&sf->adev);
err_uninit:
	auxiliary_device_uninit(&sf->adev);
	return err;
}

void sd_sf_del(struct sd_fn *fn)
{
	struct sd_sf *sf = fn->sf;

	/* Activation may be late, or may have failed after that. */
	if (!sf)
		return;
	fn->sf = NULL;
	auxiliary_device_delete(&sf->adev);
	auxiliary_device_uninit(&sf->adev);
}

int sd_sf_init(void)
{
	return auxiliary_driver_register(&sd_sf_driver);
}

void sd_sf_exit(void)
{
	auxiliary_driver_unregister(&sd_sf_driver);
}
