// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wire: a netdev of somebody else's that an uplink joins, as a bridge does
 * with a port. All that it receives is ours, and it may go at any time.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>

#include "subdev.h"

/* Under rcu_read_lock(), as all that receives is. */
static rx_handler_result_t sd_lower_receive(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct sd_parent *parent;

	if (unlikely(skb->pkt_type == PACKET_LOOPBACK))
		return RX_HANDLER_PASS;
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (unlikely(!skb))
		return RX_HANDLER_CONSUMED;

	parent = rcu_dereference(skb->dev->rx_handler_data);
	skb_push_rcsum(skb, ETH_HLEN);
	if (READ_ONCE(parent->mode) == DEVLINK_ESWITCH_MODE_LEGACY)
		sd_veb_receive(parent, skb);
	else
		sd_netdev_receive(rcu_dereference(parent->uplink_up), skb);
	return RX_HANDLER_CONSUMED;
}

/**
 * sd_lower_send() - hand a frame to the wire
 * @parent: the parent; under rcu_read_lock()
 * @skb: the frame; consumed
 *
 * Return: whether there is a wire, and the frame fits.
 */
bool sd_lower_send(struct sd_parent *parent, struct sk_buff *skb)
{
	struct net_device *lower = rcu_dereference(parent->sdev->lower);

	if (!lower || !is_skb_forwardable(lower, skb)) {
		kfree_skb(skb);
		return false;
	}
	skb_scrub_packet(skb, !net_eq(dev_net(skb->dev), dev_net(lower)));
	skb->dev = lower;
	dev_queue_xmit(skb);
	return true;
}

/* The same for a transmit function of @from, which accounts for it. */
netdev_tx_t sd_lower_forward(struct net_device *from, struct sd_parent *parent,
			     struct sk_buff *skb)
{
	unsigned int len = skb->len;

	skb_tx_timestamp(skb);
	if (sd_lower_send(parent, skb))
		dev_sw_netstats_tx_add(from, 1, len);
	else
		dev_core_stats_tx_dropped_inc(from);
	return NETDEV_TX_OK;
}

/**
 * sd_lower_carrier() - let the uplink's carrier follow the wire's
 * @parent: the parent, rtnl held
 *
 * A parent without wire is its own, which is always well. One that has lost
 * its wire has none.
 */
void sd_lower_carrier(struct sd_parent *parent)
{
	struct net_device *lower = rtnl_dereference(parent->sdev->lower);
	bool up = !*parent->sdev->lower_name;

	if (!parent->uplink)
		return;
	if (lower)
		up = lower->flags & IFF_UP && netif_carrier_ok(lower);
	if (up)
		netif_carrier_on(parent->uplink);
	else
		netif_carrier_off(parent->uplink);
}

/**
 * sd_lower_link() - tell the core that the uplink is above the wire
 * @parent: the parent, rtnl held, its uplink registered
 *
 * As macvlan and ipvlan do: the core then refuses loops, and sysfs has links
 * both ways (upper_*, lower_*).
 *
 * Return: 0, also without a wire, or an error.
 */
int sd_lower_link(struct sd_parent *parent)
{
	struct net_device *lower = rtnl_dereference(parent->sdev->lower);

	if (!lower)
		return 0;
	return netdev_upper_dev_link(lower, parent->uplink, NULL);
}

/* Harmless without wire or uplink. */
void sd_lower_unlink(struct sd_parent *parent)
{
	struct net_device *lower = rtnl_dereference(parent->sdev->lower);

	if (lower && parent->uplink)
		netdev_upper_dev_unlink(lower, parent->uplink);
}

static int sd_lower_check(struct sd_device *sdev, struct net_device *lower)
{
	const char *why;
	int err = -EINVAL;

	if (!lower) {
		why = "there is none of that name in this network namespace";
		err = -ENODEV;
	} else if (lower->type != ARPHRD_ETHER || lower->flags & IFF_LOOPBACK) {
		why = "it is no Ethernet device";
	} else if (sd_netdev_is_ours(lower)) {
		why = "it is a netdev of this module";
	} else if (netdev_is_rx_handler_busy(lower)) {
		why = "it is in use already, by a bridge, bond, macvlan or the like";
		err = -EBUSY;
	} else {
		return 0;
	}
	dev_err(&sdev->dev, "lower=%s: %s\n", sdev->lower_name, why);
	return err;
}

/**
 * sd_lower_attach() - join the netdev that the user named
 * @parent: the parent
 *
 * It is looked for in the network namespace of whoever writes to new_device.
 *
 * Return: 0 or an error.
 */
int sd_lower_attach(struct sd_parent *parent)
{
	struct net *net = current->nsproxy->net_ns;
	struct sd_device *sdev = parent->sdev;
	struct net_device *lower;
	int err;

	if (!*sdev->lower_name)
		return 0;

	rtnl_lock();
	lower = __dev_get_by_name(net, sdev->lower_name);
	err = sd_lower_check(sdev, lower);
	if (err)
		goto out_unlock;
	err = dev_set_promiscuity(lower, 1);
	if (err)
		goto out_unlock;
	err = netdev_rx_handler_register(lower, sd_lower_receive, parent);
	if (err) {
		dev_set_promiscuity(lower, -1);
		goto out_unlock;
	}
	/* It would merge frames that are not for this host. */
	dev_disable_lro(lower);
	if (!sdev->mac_base)
		parent->uplink_addr = ether_addr_to_u64(lower->dev_addr);
	rcu_assign_pointer(sdev->lower, lower);
out_unlock:
	rtnl_unlock();
	return err;
}

static void sd_lower_leave(struct sd_parent *parent, struct net_device *lower)
{
	sd_lower_unlink(parent);
	RCU_INIT_POINTER(parent->sdev->lower, NULL);
	/* Waits for those who receive. Who sends is waited for by the core. */
	netdev_rx_handler_unregister(lower);
	dev_set_promiscuity(lower, -1);
	sd_lower_carrier(parent);
}

/* Harmless without one. */
void sd_lower_detach(struct sd_parent *parent)
{
	struct net_device *lower;

	rtnl_lock();
	lower = rtnl_dereference(parent->sdev->lower);
	if (lower)
		sd_lower_leave(parent, lower);
	rtnl_unlock();
}

/* A netdev that moves to another namespace unregisters from this one, too. */
static int sd_lower_event(struct notifier_block *nb, unsigned long event,
			  void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct sd_parent *parent;

	if (rtnl_dereference(dev->rx_handler) != sd_lower_receive)
		return NOTIFY_DONE;
	parent = rtnl_dereference(dev->rx_handler_data);

	switch (event) {
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
		sd_lower_carrier(parent);
		break;
	case NETDEV_UNREGISTER:
		dev_warn(&parent->sdev->dev, "lower=%s has gone\n", dev->name);
		sd_lower_leave(parent, dev);
		break;
	case NETDEV_PRE_TYPE_CHANGE:
		return NOTIFY_BAD;
	}
	return NOTIFY_DONE;
}

static struct notifier_block sd_lower_notifier = {
	.notifier_call = sd_lower_event,
};

int sd_lower_init(void)
{
	return register_netdevice_notifier(&sd_lower_notifier);
}

void sd_lower_exit(void)
{
	unregister_netdevice_notifier(&sd_lower_notifier);
}
