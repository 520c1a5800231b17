// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmit rates of functions: leafs, in switchdev mode, and nodes above them.
 *
 * Frames over the limit are dropped, as a policer does; none are delayed. A
 * bucket is asked for more than nothing and may then go below, so that a large
 * frame passes, and is paid for later.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "subdev.h"

/* What a bucket holds at most: the traffic of this time. */
#define SD_RATE_BURST_NS	(40 * NSEC_PER_MSEC)
/* So that the product of a rate and that time is far from an overflow. */
#define SD_RATE_MAX		(1000ULL * 1000 * 1000 * 1000)

void sd_rate_init(struct sd_rate *rate)
{
	memset(rate, 0, sizeof(*rate));
	spin_lock_init(&rate->lock);
}

static void sd_bucket_refill(struct sd_bucket *bucket, u64 now)
{
	u64 rate = bucket->rate;
	s64 most = div_u64(rate * SD_RATE_BURST_NS, NSEC_PER_SEC) + 1;
	u64 passed;

	/* Another CPU, whose clock was read later, may have been faster. */
	if (now <= bucket->stamp)
		return;
	passed = min_t(u64, now - bucket->stamp, SD_RATE_BURST_NS);
	bucket->stamp = now;
	bucket->tokens += div_u64(rate * passed + bucket->rest, NSEC_PER_SEC);
	bucket->rest = (rate * passed + bucket->rest) % NSEC_PER_SEC;
	if (bucket->tokens > most)
		bucket->tokens = most;
}

/* Does a limit let frames through, and is the share not yet used up? */
static void sd_rate_look(struct sd_rate *rate, u64 now, bool *max, bool *share)
{
	*max = true;
	*share = false;
	spin_lock(&rate->lock);
	if (rate->max.rate) {
		sd_bucket_refill(&rate->max, now);
		*max = rate->max.tokens > 0;
	}
	if (rate->share.rate) {
		sd_bucket_refill(&rate->share, now);
		*share = rate->share.tokens > 0;
	}
	spin_unlock(&rate->lock);
}

static void sd_rate_charge(struct sd_rate *rate, unsigned int len)
{
	spin_lock(&rate->lock);
	if (rate->max.rate)
		rate->max.tokens -= len;
	/* What is beyond the share is no debt of the share. */
	if (rate->share.rate && rate->share.tokens > 0)
		rate->share.tokens -= len;
	spin_unlock(&rate->lock);
}

/**
 * sd_rate_admit_limited() - may a function send a frame now?
 * @leaf: the function's leaf; under rcu_read_lock(), softirqs off
 * @len: length of the frame
 *
 * Every limit up to the root must let it through. Who is within its share
 * passes the limits above all the same, and these remember it: then there is
 * the less for the siblings.
 */
bool sd_rate_admit_limited(struct sd_rate *leaf, unsigned int len)
{
	struct sd_rate *rate;
	bool due = false;
	bool max, share;
	u64 now;

	now = ktime_get_ns();
	for (rate = leaf; rate; rate = rcu_dereference(rate->parent)) {
		sd_rate_look(rate, now, &max, &share);
		if (!max && !due)
			return false;
		due = due || share;
	}
	for (rate = leaf; rate; rate = rcu_dereference(rate->parent))
		sd_rate_charge(rate, len);
	return true;
}

static int sd_bucket_set(struct sd_rate *rate, struct sd_bucket *bucket,
			 u64 value, struct netlink_ext_ack *extack)
{
	if (value > SD_RATE_MAX) {
		NL_SET_ERR_MSG(extack, "The rate is too high");
		return -EINVAL;
	}
	spin_lock_bh(&rate->lock);
	WRITE_ONCE(bucket->rate, value);
	bucket->tokens = 0;
	bucket->rest = 0;
	bucket->stamp = ktime_get_ns();
	spin_unlock_bh(&rate->lock);
	return 0;
}

int sd_rate_tx_max_set(struct devlink_rate *devlink_rate, void *priv,
		       u64 tx_max, struct netlink_ext_ack *extack)
{
	struct sd_rate *rate = priv;

	return sd_bucket_set(rate, &rate->max, tx_max, extack);
}

int sd_rate_tx_share_set(struct devlink_rate *devlink_rate, void *priv,
			 u64 tx_share, struct netlink_ext_ack *extack)
{
	struct sd_rate *rate = priv;

	return sd_bucket_set(rate, &rate->share, tx_share, extack);
}

int sd_rate_node_new(struct devlink_rate *node, void **priv,
		     struct netlink_ext_ack *extack)
{
	struct sd_parent *parent = devlink_priv(node->devlink);
	struct sd_rate *rate;

	if (parent->mode != DEVLINK_ESWITCH_MODE_SWITCHDEV) {
		NL_SET_ERR_MSG(extack, "Rate nodes are only supported in eswitch switchdev mode");
		return -EOPNOTSUPP;
	}
	rate = kmalloc(sizeof(*rate), GFP_KERNEL);
	if (!rate)
		return -ENOMEM;
	sd_rate_init(rate);
	*priv = rate;
	return 0;
}

/* The core refuses to delete a node that has children. */
int sd_rate_node_del(struct devlink_rate *node, void *priv,
		     struct netlink_ext_ack *extack)
{
	struct sd_rate *rate = priv;

	kfree_rcu(rate, rcu);
	return 0;
}

int sd_rate_parent_set(struct devlink_rate *child, struct devlink_rate *parent,
		       void *priv_child, void *priv_parent,
		       struct netlink_ext_ack *extack)
{
	struct sd_rate *rate = priv_child;

	rcu_assign_pointer(rate->parent, priv_parent);
	return 0;
}

int sd_rate_leaf_add(struct sd_fn *fn)
{
	int err;

	err = sd_devl_rate_leaf_create(&fn->port, &fn->rate);
	fn->rate_registered = !err;
	return err;
}

/* Harmless without one. The function's next leaf begins without limits. */
void sd_rate_leaf_del(struct sd_fn *fn)
{
	if (!fn->rate_registered)
		return;
	fn->rate_registered = false;
	devl_rate_leaf_destroy(&fn->port);
	RCU_INIT_POINTER(fn->rate.parent, NULL);
	sd_bucket_set(&fn->rate, &fn->rate.max, 0, NULL);
	sd_bucket_set(&fn->rate, &fn->rate.share, 0, NULL);
}
