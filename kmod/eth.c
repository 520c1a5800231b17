// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Ethernet half of a function: an auxiliary device below the function's
 * own, and its driver, which registers the netdev.
 */
#include <linux/idr.h>
#include <linux/slab.h>

#include "subdev.h"

/**
 * struct sd_eth - Ethernet half of a function
 * @adev: the device, subdev.eth.N
 * @nested: the function's devlink instance, which outlives it
 * @probe_err: why probe failed, since the driver core does not tell
 */
struct sd_eth {
	struct auxiliary_device adev;
	struct sd_nested *nested;
	int probe_err;
};

static DEFINE_IDA(sd_eth_ida);

static struct sd_eth *to_sd_eth(struct device *dev)
{
	return container_of(to_auxiliary_dev(dev), struct sd_eth, adev);
}

static void sd_eth_release(struct device *dev)
{
	struct sd_eth *eth = to_sd_eth(dev);

	ida_free(&sd_eth_ida, eth->adev.id);
	kfree(eth);
	sd_live_put();
}

/* L4: devl(nested) may be held or not, so it must not be taken. */
static int sd_eth_probe(struct auxiliary_device *adev,
			const struct auxiliary_device_id *id)
{
	struct sd_eth *eth = to_sd_eth(&adev->dev);
	struct sd_nested *nested = eth->nested;
	struct sd_fn *fn = nested->fn;
	struct sd_netdev_args args = {
		.parent = fn->parent,
		.fn = fn,
		.side = SD_SIDE_FN,
		.dev = &adev->dev,
		.port = &nested->port,
		.hw_addr = READ_ONCE(fn->hw_addr),
		.queues = min3(nested->queues, nested->max_io_eqs,
			       (u32)READ_ONCE(fn->parent->max_queues)),
	};
	struct net_device *dev;

	mutex_lock(&fn->eth_lock);
	if (fn->eth_gone)
		dev = ERR_PTR(-ENODEV);
	else
		dev = sd_netdev_register(&args);
	eth->probe_err = PTR_ERR_OR_ZERO(dev);
	if (!eth->probe_err)
		set_bit(SD_FN_ETH_BOUND, &fn->flags);
	mutex_unlock(&fn->eth_lock);
	return eth->probe_err;
}

static void sd_eth_remove(struct auxiliary_device *adev)
{
	struct sd_nested *nested = to_sd_eth(&adev->dev)->nested;
	struct sd_fn *fn = nested->fn;

	mutex_lock(&fn->eth_lock);
	clear_bit(SD_FN_ETH_BOUND, &fn->flags);
	sd_fn_netdev_unregister(fn, SD_SIDE_FN, &nested->port);
	mutex_unlock(&fn->eth_lock);
}

static const struct auxiliary_device_id sd_eth_ids[] = {
	{ .name = SD_DRV_NAME ".eth" },
	{}
};

static struct auxiliary_driver sd_eth_driver = {
	.name = "eth",
	.probe = sd_eth_probe,
	.remove = sd_eth_remove,
	.id_table = sd_eth_ids,
	.driver = {
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

/**
 * sd_eth_add() - make the eth device of a function
 * @nested: the function's instance, devl(nested) held, its port registered
 *
 * If the auxiliary bus was told not to probe, the device stays without driver;
 * that is no error, the port then says detached.
 *
 * Return: the device or an error pointer.
 */
struct sd_eth *sd_eth_add(struct sd_nested *nested)
{
	struct sd_fn *fn = nested->fn;
	struct sd_eth *eth;
	int id, err;

	eth = kzalloc(sizeof(*eth), GFP_KERNEL);
	if (!eth)
		return ERR_PTR(-ENOMEM);
	id = ida_alloc(&sd_eth_ida, GFP_KERNEL);
	if (id < 0) {
		kfree(eth);
		return ERR_PTR(id);
	}
	eth->nested = nested;
	eth->adev.id = id;
	eth->adev.name = "eth";
	eth->adev.dev.parent = nested->dev;
	eth->adev.dev.release = sd_eth_release;

	err = auxiliary_device_init(&eth->adev);
	if (err) {
		ida_free(&sd_eth_ida, id);
		kfree(eth);
		return ERR_PTR(err);
	}
	sd_live_get();

	mutex_lock(&fn->eth_lock);
	fn->eth_gone = false;
	mutex_unlock(&fn->eth_lock);

	err = auxiliary_device_add(&eth->adev);
	if (err)
		goto err_uninit;
	err = eth->probe_err;
	if (err)
		goto err_delete;
	return eth;

err_delete:
	auxiliary_device_delete(&eth->adev);
err_uninit:
	auxiliary_device_uninit(&eth->adev);
	return ERR_PTR(err);
}

void sd_eth_del(struct sd_eth *eth)
{
	auxiliary_device_delete(&eth->adev);
	auxiliary_device_uninit(&eth->adev);
}

int sd_eth_init(void)
{
	return auxiliary_driver_register(&sd_eth_driver);
}

void sd_eth_exit(void)
{
	auxiliary_driver_unregister(&sd_eth_driver);
}
