// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module init and exit.
 */
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/refcount.h>

#include "subdev.h"

/*
 * Devices whose release function is in this module, plus one for the module.
 * A devlink instance holds a reference on its device until an RCU work has
 * run, so the last of them go some time after they were unregistered.
 */
static refcount_t sd_live = REFCOUNT_INIT(1);
static DECLARE_COMPLETION(sd_all_released);

void sd_live_get(void)
{
	refcount_inc(&sd_live);
}

void sd_live_put(void)
{
	if (refcount_dec_and_test(&sd_live))
		complete(&sd_all_released);
}

static int __init sd_init(void)
{
	int err;

	sd_fault_init();
	sd_manners_init();

	err = sd_lower_init();
	if (err)
		goto err_fault_exit;

	err = sd_eth_init();
	if (err)
		goto err_lower_exit;

	err = sd_sf_init();
	if (err)
		goto err_eth_exit;

	err = sd_mdev_init();
	if (err)
		goto err_sf_exit;

	err = sd_bus_init();
	if (err)
		goto err_mdev_exit;

	return 0;

err_mdev_exit:
	sd_mdev_exit();
err_sf_exit:
	sd_sf_exit();
err_eth_exit:
	sd_eth_exit();
err_lower_exit:
	sd_lower_exit();
err_fault_exit:
	sd_fault_exit();
	return err;
}

static void __exit sd_exit(void)
{
	sd_bus_exit();
	sd_mdev_exit();
	sd_sf_exit();
	sd_eth_exit();
	sd_lower_exit();
	sd_live_put();
	wait_for_completion(&sd_all_released);
	sd_fault_exit();
	sd_nvm_exit();
}

module_init(sd_init);
module_exit(sd_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The subdevcfg authors");
MODULE_DESCRIPTION("Software network device that can be partitioned");
MODULE_VERSION(SD_VERSION);
