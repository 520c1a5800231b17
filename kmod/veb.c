// SPDX-License-Identifier: GPL-2.0-only
/*
 * The switch of legacy mode: by MAC address of the function, as in the NICs
 * that have a virtual Ethernet bridge. It does not learn. The uplink's netdev
 * is one more station.
 */
#include <linux/etherdevice.h>
#include <linux/rculist.h>
#include <linux/rtnetlink.h>

#include "subdev.h"

void sd_veb_add(struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);
	struct sd_parent *parent = priv->parent;

	ASSERT_RTNL();
	priv->veb_addr = READ_ONCE(priv->fn->hw_addr);
	hash_add_rcu(parent->veb, &priv->veb_mac, priv->veb_addr);
	hlist_add_head_rcu(&priv->veb_all, &parent->veb_all);
}

/* Harmless for a netdev that is not in. */
void sd_veb_del(struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);

	ASSERT_RTNL();
	if (hlist_unhashed(&priv->veb_all))
		return;
	hlist_del_init_rcu(&priv->veb_mac);
	hlist_del_init_rcu(&priv->veb_all);
}

static struct net_device *sd_veb_dev(struct sd_netdev *priv)
{
	return rcu_dereference(priv->fn->nd_up[SD_SIDE_FN]);
}

/* The netdev of this parent that has an address, or NULL. */
static struct net_device *sd_veb_find(struct sd_parent *parent, const u8 *dest)
{
	struct net_device *uplink = rcu_dereference(parent->uplink_up);
	u64 addr = ether_addr_to_u64(dest);
	struct sd_netdev *priv;

	hash_for_each_possible_rcu(parent->veb, priv, veb_mac, addr)
		if (priv->veb_addr == addr)
			return sd_veb_dev(priv);
	if (uplink && ether_addr_equal(uplink->dev_addr, dest))
		return uplink;
	return NULL;
}

/* What it does not take, __dev_forward_skb() counts. */
static void sd_veb_clone(struct net_device *to, struct sk_buff *skb)
{
	skb = skb_clone(skb, GFP_ATOMIC);
	if (skb)
		sd_netdev_receive(to, skb);
	else
		dev_core_stats_rx_dropped_inc(to);
}

/* To all netdevs of the parent but the one it came from, NULL for the wire. */
static void sd_veb_flood(struct sd_parent *parent, struct net_device *from,
			 struct sk_buff *skb)
{
	struct net_device *to = rcu_dereference(parent->uplink_up);
	struct sd_netdev *priv;

	if (to && to != from)
		sd_veb_clone(to, skb);
	hlist_for_each_entry_rcu(priv, &parent->veb_all, veb_all) {
		to = sd_veb_dev(priv);
		if (to && to != from)
			sd_veb_clone(to, skb);
	}
}

/* A frame from the wire. What is for nobody is the uplink's business. */
void sd_veb_receive(struct sd_parent *parent, struct sk_buff *skb)
{
	const u8 *dest = skb->data;
	struct net_device *to;

	if (is_multicast_ether_addr(dest)) {
		sd_veb_flood(parent, NULL, skb);
		consume_skb(skb);
		return;
	}
	to = sd_veb_find(parent, dest);
	sd_netdev_receive(to ?: rcu_dereference(parent->uplink_up), skb);
}

netdev_tx_t sd_veb_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);
	struct sd_parent *parent = priv->parent;
	struct net_device *to = NULL;
	netdev_tx_t ret;
	struct ethhdr *eth;

	rcu_read_lock();
	if (unlikely(!pskb_may_pull(skb, ETH_HLEN)))
		goto out_forward;
	eth = (struct ethhdr *)skb->data;

	if (priv->fn && READ_ONCE(parent->spoof_check) &&
	    ether_addr_to_u64(eth->h_source) != priv->veb_addr)
		goto out_forward;

	if (is_multicast_ether_addr(eth->h_dest)) {
		skb_tx_timestamp(skb);
		dev_sw_netstats_tx_add(dev, 1, skb->len);
		sd_veb_flood(parent, dev, skb);
		sd_lower_send(parent, skb);
		ret = NETDEV_TX_OK;
		goto out_unlock;
	}
	to = sd_veb_find(parent, eth->h_dest);
	if (!to) {
		ret = sd_lower_forward(dev, parent, skb);
		goto out_unlock;
	}
	if (to == dev)
		to = NULL;
out_forward:
	ret = sd_netdev_forward(dev, to, skb);
out_unlock:
	rcu_read_unlock();
	return ret;
}
