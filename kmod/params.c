// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parent's params, of every type and all three modes of configuration, and
 * the memory that permanent ones are kept in.
 */
#include <linux/slab.h>

#include "subdev.h"

enum {
	SD_PARAM_SPOOF_CHECK = DEVLINK_PARAM_GENERIC_ID_MAX + 1,
	SD_PARAM_MAX_QUEUES,
	SD_PARAM_MAX_MTU,
	SD_PARAM_AUTO_SFNUM_MIN,
	SD_PARAM_ASSET_TAG,
};

/**
 * struct sd_nvm_entry - what a parent of this name finds when it is made
 * @list: in sd_nvm_list, until the module goes
 * @name: the parent
 * @nvm: the values
 */
struct sd_nvm_entry {
	struct list_head list;
	char name[SD_NAME_MAX + 1];
	struct sd_nvm nvm;
};

static DEFINE_MUTEX(sd_nvm_lock);
static LIST_HEAD(sd_nvm_list);

static const struct sd_nvm sd_nvm_default = {
	.auto_sfnum_min = SD_SFNUM_AUTO_MIN,
};

static struct sd_nvm_entry *sd_nvm_find(const char *name)
{
	struct sd_nvm_entry *entry;

	lockdep_assert_held(&sd_nvm_lock);
	list_for_each_entry(entry, &sd_nvm_list, list)
		if (!strcmp(entry->name, name))
			return entry;
	return NULL;
}

static void sd_nvm_read(struct sd_parent *parent, struct sd_nvm *nvm)
{
	struct sd_nvm_entry *entry;

	mutex_lock(&sd_nvm_lock);
	entry = sd_nvm_find(dev_name(&parent->sdev->dev));
	*nvm = entry ? entry->nvm : sd_nvm_default;
	mutex_unlock(&sd_nvm_lock);
}

static int sd_nvm_write(struct sd_parent *parent, const struct sd_nvm *nvm)
{
	const char *name = dev_name(&parent->sdev->dev);
	struct sd_nvm_entry *entry;
	int err = 0;

	mutex_lock(&sd_nvm_lock);
	entry = sd_nvm_find(name);
	if (!entry) {
		entry = kzalloc(sizeof(*entry), GFP_KERNEL);
		if (!entry) {
			err = -ENOMEM;
			goto out;
		}
		strscpy(entry->name, name, sizeof(entry->name));
		list_add_tail(&entry->list, &sd_nvm_list);
	}
	entry->nvm = *nvm;
out:
	mutex_unlock(&sd_nvm_lock);
	return err;
}

void sd_nvm_exit(void)
{
	struct sd_nvm_entry *entry, *tmp;

	list_for_each_entry_safe(entry, tmp, &sd_nvm_list, list) {
		list_del(&entry->list);
		kfree(entry);
	}
}

static int sd_spoof_check_get(struct devlink *devlink, u32 id,
			      struct devlink_param_gset_ctx *ctx)
{
	struct sd_parent *parent = devlink_priv(devlink);

	ctx->val.vbool = parent->spoof_check;
	return 0;
}

static SD_PARAM_SETTER(sd_spoof_check_set)
{
	struct sd_parent *parent = devlink_priv(devlink);

	WRITE_ONCE(parent->spoof_check, ctx->val.vbool);
	return 0;
}

/* What is stored, not what is in force: that follows when the parent is made. */
static int sd_permanent_get(struct devlink *devlink, u32 id,
			    struct devlink_param_gset_ctx *ctx)
{
	struct sd_nvm nvm;

	sd_nvm_read(devlink_priv(devlink), &nvm);
	if (id == SD_PARAM_AUTO_SFNUM_MIN)
		ctx->val.vu32 = nvm.auto_sfnum_min;
	else
		strscpy(ctx->val.vstr, nvm.asset_tag, sizeof(ctx->val.vstr));
	return 0;
}

static SD_PARAM_SETTER(sd_permanent_set)
{
	struct sd_nvm nvm;

	sd_nvm_read(devlink_priv(devlink), &nvm);
	if (id == SD_PARAM_AUTO_SFNUM_MIN)
		nvm.auto_sfnum_min = ctx->val.vu32;
	else
		strscpy(nvm.asset_tag, ctx->val.vstr, sizeof(nvm.asset_tag));
	return sd_nvm_write(devlink_priv(devlink), &nvm);
}

static int sd_parent_param_validate(struct devlink *devlink, u32 id,
				    union devlink_param_value val,
				    struct netlink_ext_ack *extack)
{
	switch (id) {
	case SD_PARAM_MAX_QUEUES:
		if (!val.vu8 || val.vu8 > SD_QUEUES_MAX) {
			NL_SET_ERR_MSG(extack, "max_queues must be 1 to 64");
			return -EINVAL;
		}
		break;
	case SD_PARAM_MAX_MTU:
		if (val.vu16 < ETH_DATA_LEN) {
			NL_SET_ERR_MSG(extack,
				       "max_mtu must be 1500 to 65535");
			return -EINVAL;
		}
		break;
	}
	return sd_fault(SD_FAULT_PARAM_SET, extack);
}

static const struct devlink_param sd_parent_params[] = {
	DEVLINK_PARAM_DRIVER(SD_PARAM_SPOOF_CHECK, "spoof_check",
			     DEVLINK_PARAM_TYPE_BOOL,
			     BIT(DEVLINK_PARAM_CMODE_RUNTIME),
			     sd_spoof_check_get, sd_spoof_check_set,
			     sd_parent_param_validate),
	DEVLINK_PARAM_DRIVER(SD_PARAM_MAX_QUEUES, "max_queues",
			     DEVLINK_PARAM_TYPE_U8,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, sd_parent_param_validate),
	DEVLINK_PARAM_DRIVER(SD_PARAM_MAX_MTU, "max_mtu",
			     DEVLINK_PARAM_TYPE_U16,
			     BIT(DEVLINK_PARAM_CMODE_DRIVERINIT),
			     NULL, NULL, sd_parent_param_validate),
	DEVLINK_PARAM_DRIVER(SD_PARAM_AUTO_SFNUM_MIN, "auto_sfnum_min",
			     DEVLINK_PARAM_TYPE_U32,
			     BIT(DEVLINK_PARAM_CMODE_PERMANENT),
			     sd_permanent_get, sd_permanent_set,
			     sd_parent_param_validate),
	DEVLINK_PARAM_DRIVER(SD_PARAM_ASSET_TAG, "asset_tag",
			     DEVLINK_PARAM_TYPE_STRING,
			     BIT(DEVLINK_PARAM_CMODE_PERMANENT),
			     sd_permanent_get, sd_permanent_set,
			     sd_parent_param_validate),
};

/**
 * sd_parent_params_load() - put driverinit values in force
 * @parent: the parent, devl(parent) held
 */
void sd_parent_params_load(struct sd_parent *parent)
{
	struct devlink *devlink = priv_to_devlink(parent);
	union devlink_param_value val;

	if (!sd_param_value(devlink, SD_PARAM_MAX_QUEUES, &val))
		WRITE_ONCE(parent->max_queues, val.vu8);
	if (!sd_param_value(devlink, SD_PARAM_MAX_MTU, &val))
		WRITE_ONCE(parent->max_mtu, val.vu16);
}

/**
 * sd_parent_params_add() - register the params, permanent values in force
 * @parent: the parent, devl(parent) held
 *
 * Return: 0 or an error.
 */
int sd_parent_params_add(struct sd_parent *parent)
{
	struct devlink *devlink = priv_to_devlink(parent);
	union devlink_param_value val = {};
	int err;

	err = sd_params_register(devlink, sd_parent_params,
				 ARRAY_SIZE(sd_parent_params));
	if (err)
		return err;

	val.vu8 = SD_QUEUES_MAX;
	sd_param_init(devlink, SD_PARAM_MAX_QUEUES, val);
	val.vu16 = ETH_MAX_MTU;
	sd_param_init(devlink, SD_PARAM_MAX_MTU, val);
	sd_parent_params_load(parent);
	sd_nvm_read(parent, &parent->nvm);
	return 0;
}

void sd_parent_params_del(struct sd_parent *parent)
{
	sd_params_unregister(priv_to_devlink(parent), sd_parent_params,
			     ARRAY_SIZE(sd_parent_params));
}
