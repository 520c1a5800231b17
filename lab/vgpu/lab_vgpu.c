// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab alone: binds to whatever PCI function it is named for by
 * driver_override, and registers it as a parent of mediated devices with two
 * types and room for one device. That is what the drivers of graphics cards do
 * with their VFs. The devices can be opened through VFIO and do nothing.
 */
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/version.h>
#include <linux/vfio.h>

#define LV_KERNEL \
	KERNEL_VERSION(LINUX_VERSION_MAJOR, LINUX_VERSION_PATCHLEVEL, 0)

enum { LV_TYPES = 2 };

static const char *const lv_names[LV_TYPES] = { "small", "large" };
static const char *const lv_pretty_names[LV_TYPES] = {
	"Small virtual card", "Large virtual card"
};

struct lv_parent {
	struct mdev_parent parent;
	struct mdev_type types[LV_TYPES];
	struct mdev_type *type_ptrs[LV_TYPES];
};

struct lv_device {
	struct vfio_device vdev;
	bool frame_rate_limiter;
};

static ssize_t frame_rate_limiter_show(struct device *dev,
				       struct device_attribute *attr, char *buf)
{
	struct lv_device *device = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", device->frame_rate_limiter);
}

static ssize_t frame_rate_limiter_store(struct device *dev,
					struct device_attribute *attr,
					const char *buf, size_t count)
{
	struct lv_device *device = dev_get_drvdata(dev);
	int err = kstrtobool(buf, &device->frame_rate_limiter);

	return err ?: count;
}
static DEVICE_ATTR_RW(frame_rate_limiter);

static struct attribute *lv_device_attrs[] = {
	&dev_attr_frame_rate_limiter.attr,
	NULL,
};
ATTRIBUTE_GROUPS(lv_device);

#if KERNEL_VERSION(6, 2, 0) > LV_KERNEL
/* Since 6.2 the core frees the device. */
static void lv_device_release(struct vfio_device *vdev)
{
	vfio_free_device(vdev);
}
#endif

static const struct vfio_device_ops lv_device_ops = {
	.name = "lab_vgpu",
#if KERNEL_VERSION(6, 2, 0) > LV_KERNEL
	.release = lv_device_release,
#endif
#if KERNEL_VERSION(6, 6, 0) <= LV_KERNEL
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
#endif
};

static int lv_mdev_probe(struct mdev_device *mdev)
{
	struct lv_device *device;
	int err;

	device = vfio_alloc_device(lv_device, vdev, mdev_dev(mdev),
				   &lv_device_ops);
	if (IS_ERR(device))
		return PTR_ERR(device);

	device->frame_rate_limiter = true;
	dev_set_drvdata(mdev_dev(mdev), device);
	err = vfio_register_emulated_iommu_dev(&device->vdev);
	if (err)
		vfio_put_device(&device->vdev);
	return err;
}

static void lv_mdev_remove(struct mdev_device *mdev)
{
	struct lv_device *device = dev_get_drvdata(mdev_dev(mdev));

	vfio_unregister_group_dev(&device->vdev);
	vfio_put_device(&device->vdev);
}

static ssize_t lv_show_description(struct mdev_type *type, char *buf)
{
	return sysfs_emit(buf, "a card that does nothing\n");
}

static struct mdev_driver lv_mdev_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	/* Of one parent, whatever the type is. */
	.max_instances = 1,
	.probe = lv_mdev_probe,
	.remove = lv_mdev_remove,
	.show_description = lv_show_description,
	.driver = {
		.name = "lab_vgpu_mdev",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = lv_device_groups,
	},
};

static int lv_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct lv_parent *parent;
	int i, err;

	parent = kzalloc(sizeof(*parent), GFP_KERNEL);
	if (!parent)
		return -ENOMEM;

	for (i = 0; i < LV_TYPES; i++) {
		parent->types[i].sysfs_name = lv_names[i];
		parent->types[i].pretty_name = lv_pretty_names[i];
		parent->type_ptrs[i] = &parent->types[i];
	}
	pci_set_drvdata(pdev, parent);
	err = mdev_register_parent(&parent->parent, &pdev->dev, &lv_mdev_driver,
				   parent->type_ptrs, LV_TYPES);
	if (err)
		kfree(parent);
	return err;
}

static void lv_remove(struct pci_dev *pdev)
{
	struct lv_parent *parent = pci_get_drvdata(pdev);

	mdev_unregister_parent(&parent->parent);
	kfree(parent);
}

static struct pci_driver lv_driver = {
	.name = "lab_vgpu",
	/* What is bound to it is named for it: no ids. */
	.probe = lv_probe,
	.remove = lv_remove,
};

static int __init lv_init(void)
{
	int err;

	err = mdev_register_driver(&lv_mdev_driver);
	if (err)
		return err;

	err = pci_register_driver(&lv_driver);
	if (err)
		mdev_unregister_driver(&lv_mdev_driver);
	return err;
}

static void __exit lv_exit(void)
{
	pci_unregister_driver(&lv_driver);
	mdev_unregister_driver(&lv_mdev_driver);
}

module_init(lv_init);
module_exit(lv_exit);

MODULE_DESCRIPTION("Mediated devices on PCI virtual functions, for tests");
MODULE_LICENSE("GPL");
