// SPDX-License-Identifier: GPL-2.0-only
/*
 * The subdev bus: parents come and go by its new_device and del_device files.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/etherdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include "subdev.h"

static DEFINE_MUTEX(sd_bus_lock);
static LIST_HEAD(sd_bus_list);
static bool sd_bus_enable;
/* Entries that are busy; written under sd_bus_lock. */
static unsigned int sd_bus_nr_busy;
static DECLARE_WAIT_QUEUE_HEAD(sd_bus_wait);

/* Parents sit below one device, away from what else is in /sys/devices. */
static struct device *sd_bus_root;

static ssize_t max_subdevices_show(struct device *dev,
				   struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_sd_device(dev)->max_subdevices);
}
static DEVICE_ATTR_RO(max_subdevices);

static ssize_t mac_base_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	u8 addr[ETH_ALEN];

	if (!to_sd_device(dev)->mac_base)
		return sysfs_emit(buf, "\n");
	u64_to_ether_addr(to_sd_device(dev)->mac_base, addr);
	return sysfs_emit(buf, "%pM\n", addr);
}
static DEVICE_ATTR_RO(mac_base);

/* By the name it has now; empty when it has gone. */
static ssize_t lower_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct net_device *lower;
	int len;

	rtnl_lock();
	lower = rtnl_dereference(to_sd_device(dev)->lower);
	len = sysfs_emit(buf, "%s\n", lower ? lower->name : "");
	rtnl_unlock();
	return len;
}
static DEVICE_ATTR_RO(lower);

static struct attribute *sd_device_attrs[] = {
	&dev_attr_max_subdevices.attr,
	&dev_attr_mac_base.attr,
	&dev_attr_lower.attr,
	NULL,
};
ATTRIBUTE_GROUPS(sd_device);

static void sd_device_release(struct device *dev)
{
	kfree(to_sd_device(dev));
	sd_live_put();
}

static const struct device_type sd_device_type = {
	.name = "subdev",
	.groups = sd_device_groups,
	.release = sd_device_release,
};

static bool sd_name_valid(const char *name)
{
	const char *c;

	if (!isalnum(name[0]) || strlen(name) > SD_NAME_MAX)
		return false;
	for (c = name; *c; c++)
		if (!isalnum(*c) && !strchr("_.-", *c))
			return false;
	return true;
}

static struct sd_device *sd_bus_find(const char *name)
{
	struct sd_device *sdev;

	lockdep_assert_held(&sd_bus_lock);
	list_for_each_entry(sdev, &sd_bus_list, list)
		if (!strcmp(dev_name(&sdev->dev), name))
			return sdev;
	return NULL;
}

/* sysfs answers a name that is taken with a stack dump, so ask first. */
static bool sd_sysfs_name_taken(const char *name)
{
	struct kernfs_node *kn = sysfs_get_dirent(sd_bus_root->kobj.sd, name);

	if (!kn)
		return false;
	sysfs_put(kn);
	return true;
}

static int sd_bus_parse_word(struct sd_device *sdev, const char *word)
{
	u8 addr[ETH_ALEN];
	const char *val;

	val = strchr(word, '=');
	if (!val++)
		goto unknown;

	if (str_has_prefix(word, "max_subdevices=")) {
		if (kstrtou32(val, 10, &sdev->max_subdevices) ||
		    !sdev->max_subdevices ||
		    sdev->max_subdevices > SD_MAX_SUBDEVICES_MAX) {
			pr_err("max_subdevices must be 1 to %d\n",
			       SD_MAX_SUBDEVICES_MAX);
			return -EINVAL;
		}
		return 0;
	}
	if (str_has_prefix(word, "mac_base=")) {
		if (strlen(val) != 3 * ETH_ALEN - 1 || !mac_pton(val, addr) ||
		    !is_valid_ether_addr(addr)) {
			pr_err("mac_base must be a unicast MAC address\n");
			return -EINVAL;
		}
		sdev->mac_base = ether_addr_to_u64(addr);
		return 0;
	}
	if (str_has_prefix(word, "lower=")) {
		if (!dev_valid_name(val)) {
			pr_err("lower must be the name of a netdev\n");
			return -EINVAL;
		}
		strscpy(sdev->lower_name, val, sizeof(sdev->lower_name));
		return 0;
	}
	if (str_has_prefix(word, "ifname=")) {
		if (!isalpha(*val) || strlen(val) > SD_IFNAME_MAX ||
		    !dev_valid_name(val) || strchr(val, '%')) {
			pr_err("ifname must be 1 to %d characters and start with a letter\n",
			       SD_IFNAME_MAX);
			return -EINVAL;
		}
		strscpy(sdev->ifname, val, sizeof(sdev->ifname));
		return 0;
	}
unknown:
	pr_err("unknown word in new_device: %s\n", word);
	return -EINVAL;
}

/**
 * sd_bus_parse() - make a device out of what was written to new_device
 * @buf: a name and words of the form key=value
 *
 * Return: the device, initialized but not added, or an error pointer.
 */
static struct sd_device *sd_bus_parse(const char *buf)
{
	char *text, *rest, *word;
	struct sd_device *sdev;
	int err = -EINVAL;

	text = kstrdup(buf, GFP_KERNEL);
	if (!text)
		return ERR_PTR(-ENOMEM);
	sdev = kzalloc(sizeof(*sdev), GFP_KERNEL);
	if (!sdev) {
		kfree(text);
		return ERR_PTR(-ENOMEM);
	}
	sdev->max_subdevices = SD_MAX_SUBDEVICES_DEF;

	rest = strim(text);
	word = strsep(&rest, " \t");
	if (!sd_name_valid(word)) {
		pr_err("a name is 1 to %d of A-Z a-z 0-9 _ . - and starts with a letter or digit\n",
		       SD_NAME_MAX);
		goto err_free;
	}
	sdev->dev.init_name = word;

	while ((word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		err = sd_bus_parse_word(sdev, word);
		if (err)
			goto err_free;
	}

	sd_live_get();
	device_initialize(&sdev->dev);
	sdev->dev.parent = sd_bus_root;
	sdev->dev.type = &sd_device_type;
	err = dev_set_name(&sdev->dev, "%s", sdev->dev.init_name);
	sdev->dev.init_name = NULL;
	kfree(text);
	if (err) {
		put_device(&sdev->dev);
		return ERR_PTR(err);
	}
	return sdev;

err_free:
	kfree(sdev);
	kfree(text);
	return ERR_PTR(err);
}

static int sd_bus_reserve(struct sd_device *sdev)
{
	struct sd_device *other;
	int err = 0;

	mutex_lock(&sd_bus_lock);
	other = sd_bus_find(dev_name(&sdev->dev));
	if (!sd_bus_enable) {
		err = -EBUSY;
	} else if (other) {
		err = other->busy ? -EBUSY : -EEXIST;
	} else if (sd_sysfs_name_taken(dev_name(&sdev->dev))) {
		err = -EEXIST;
	} else {
		sdev->busy = true;
		WRITE_ONCE(sd_bus_nr_busy, sd_bus_nr_busy + 1);
		list_add_tail(&sdev->list, &sd_bus_list);
	}
	mutex_unlock(&sd_bus_lock);
	return err;
}

static void sd_bus_done(struct sd_device *sdev, bool keep)
{
	mutex_lock(&sd_bus_lock);
	sdev->busy = false;
	WRITE_ONCE(sd_bus_nr_busy, sd_bus_nr_busy - 1);
	if (!keep)
		list_del(&sdev->list);
	mutex_unlock(&sd_bus_lock);
	wake_up_all(&sd_bus_wait);
}

static ssize_t new_device_store(SD_BUS_CONST struct bus_type *bus,
				const char *buf, size_t count);
static ssize_t del_device_store(SD_BUS_CONST struct bus_type *bus,
				const char *buf, size_t count);
static BUS_ATTR_WO(new_device);
static BUS_ATTR_WO(del_device);

static struct attribute *sd_bus_attrs[] = {
	&bus_attr_new_device.attr,
	&bus_attr_del_device.attr,
	NULL,
};
ATTRIBUTE_GROUPS(sd_bus);

static int sd_bus_probe(struct device *dev)
{
	struct sd_device *sdev = to_sd_device(dev);

	sdev->probe_err = sd_parent_probe(sdev);
	return sdev->probe_err;
}

static void sd_bus_remove(struct device *dev)
{
	sd_parent_remove(to_sd_device(dev));
}

static struct bus_type sd_bus = {
	.name = SD_DRV_NAME,
	.bus_groups = sd_bus_groups,
	.probe = sd_bus_probe,
	.remove = sd_bus_remove,
};

/* A parent lives from new_device to del_device, bound all the time. */
static struct device_driver sd_driver = {
	.name = SD_DRV_NAME,
	.bus = &sd_bus,
	.suppress_bind_attrs = true,
	.probe_type = PROBE_FORCE_SYNCHRONOUS,
};

static ssize_t new_device_store(SD_BUS_CONST struct bus_type *bus,
				const char *buf, size_t count)
{
	struct sd_device *sdev;
	int err;

	sdev = sd_bus_parse(buf);
	if (IS_ERR(sdev))
		return PTR_ERR(sdev);

	err = sd_bus_reserve(sdev);
	if (err)
		goto err_put;

	sdev->dev.bus = &sd_bus;
	/* Overwritten by probe. Stays if the bus was told not to probe. */
	sdev->probe_err = -ENODEV;
	err = device_add(&sdev->dev);
	if (err)
		goto err_release_name;
	err = sdev->probe_err;
	if (err)
		goto err_del;
	err = sd_fault(SD_FAULT_NEW_DEVICE, NULL);
	if (err)
		goto err_del;

	sd_bus_done(sdev, true);
	return count;

err_del:
	device_del(&sdev->dev);
err_release_name:
	sd_bus_done(sdev, false);
err_put:
	put_device(&sdev->dev);
	return err;
}

static ssize_t del_device_store(SD_BUS_CONST struct bus_type *bus,
				const char *buf, size_t count)
{
	struct sd_device *sdev;
	char *text;
	int err = 0;

	text = kstrdup(buf, GFP_KERNEL);
	if (!text)
		return -ENOMEM;

	mutex_lock(&sd_bus_lock);
	sdev = sd_bus_find(strim(text));
	if (!sdev)
		err = -ENODEV;
	else if (sdev->busy || !sd_bus_enable)
		err = -EBUSY;
	if (!err) {
		sdev->busy = true;
		WRITE_ONCE(sd_bus_nr_busy, sd_bus_nr_busy + 1);
	}
	mutex_unlock(&sd_bus_lock);
	kfree(text);
	if (err)
		return err;

	device_del(&sdev->dev);
	sd_bus_done(sdev, false);
	put_device(&sdev->dev);
	return count;
}

int sd_bus_init(void)
{
	int err;

	sd_bus_root = root_device_register(SD_DRV_NAME);
	if (IS_ERR(sd_bus_root))
		return PTR_ERR(sd_bus_root);

	err = bus_register(&sd_bus);
	if (err)
		goto err_root_unregister;

	err = driver_register(&sd_driver);
	if (err)
		goto err_bus_unregister;

	mutex_lock(&sd_bus_lock);
	sd_bus_enable = true;
	mutex_unlock(&sd_bus_lock);
	return 0;

err_bus_unregister:
	bus_unregister(&sd_bus);
err_root_unregister:
	root_device_unregister(sd_bus_root);
	return err;
}

void sd_bus_exit(void)
{
	struct sd_device *sdev, *tmp;
	LIST_HEAD(gone);

	/* L8: nothing can come any more, and nothing is half way */
	mutex_lock(&sd_bus_lock);
	sd_bus_enable = false;
	mutex_unlock(&sd_bus_lock);
	wait_event(sd_bus_wait, !READ_ONCE(sd_bus_nr_busy));

	/* Who writes to the bus now finds nothing, and no entry that goes */
	mutex_lock(&sd_bus_lock);
	list_splice_init(&sd_bus_list, &gone);
	mutex_unlock(&sd_bus_lock);

	list_for_each_entry_safe(sdev, tmp, &gone, list) {
		list_del(&sdev->list);
		device_unregister(&sdev->dev);
	}
	driver_unregister(&sd_driver);
	bus_unregister(&sd_bus);
	root_device_unregister(sd_bus_root);
}
