// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netdevs: the uplink, representors and functions, and the way of a frame
 * from one to another. As veth does it: the skb itself is handed over, GSO and
 * all, and received by a NAPI of the other side.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>

#include "subdev.h"

#define SD_FEATURES (NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | \
		     NETIF_F_RXCSUM | NETIF_F_SCTP_CRC | NETIF_F_HIGHDMA | \
		     NETIF_F_GSO_SOFTWARE | NETIF_F_GSO_ENCAP_ALL | \
		     NETIF_F_HW_VLAN_CTAG_TX | NETIF_F_HW_VLAN_CTAG_RX | \
		     NETIF_F_HW_VLAN_STAG_TX | NETIF_F_HW_VLAN_STAG_RX)

/* See sd_netdev_receive(). Inline, for it is most of what a frame costs. */
static __always_inline bool sd_deliver(struct net_device *to,
				       struct sk_buff *skb)
{
	u16 queue = skb_get_queue_mapping(skb);
	unsigned int len = skb->len;
	struct sd_netdev *priv;

	if (unlikely(!to || !pskb_may_pull(skb, ETH_HLEN))) {
		kfree_skb(skb);
		return false;
	}
	if (unlikely(__dev_forward_skb(to, skb)))
		return false;
	if (unlikely(queue >= to->real_num_rx_queues))
		queue %= to->real_num_rx_queues;
	skb_record_rx_queue(skb, queue);
	dev_sw_netstats_rx_add(to, len);
	if (likely(!(to->features & NETIF_F_GRO))) {
		__netif_rx(skb);
	} else {
		priv = netdev_priv(to);
		gro_cells_receive(&priv->cells, skb);
	}
	return true;
}

/**
 * sd_netdev_receive() - let a netdev receive a frame
 * @to: the receiver, or NULL to drop the frame
 * @skb: the frame from its Ethernet header on; consumed
 *
 * Under rcu_read_lock() and with softirqs off.
 *
 * Return: whether it was taken. A full queue is counted as the receiver's
 * drop, and as taken.
 */
bool sd_netdev_receive(struct net_device *to, struct sk_buff *skb)
{
	return sd_deliver(to, skb);
}

/* See sd_netdev_forward(). */
static __always_inline netdev_tx_t sd_forward(struct net_device *from,
					      struct net_device *to,
					      struct sk_buff *skb)
{
	unsigned int len = skb->len;

	skb_tx_timestamp(skb);
	if (likely(sd_deliver(to, skb)))
		dev_sw_netstats_tx_add(from, 1, len);
	else
		dev_core_stats_tx_dropped_inc(from);
	return NETDEV_TX_OK;
}

/**
 * sd_netdev_forward() - hand a frame to another netdev
 * @from: the sender, which accounts for it
 * @to: the receiver, or NULL to drop the frame; under rcu_read_lock()
 * @skb: the frame; consumed
 *
 * Return: what a transmit function is to return.
 */
netdev_tx_t sd_netdev_forward(struct net_device *from, struct net_device *to,
			      struct sk_buff *skb)
{
	return sd_forward(from, to, skb);
}

/* Softirqs are off in a transmit function, which is as good as a read lock. */
static netdev_tx_t sd_fn_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);
	struct net_device *to;

	to = rcu_dereference_bh(priv->fn->nd_up[SD_SIDE_REP]);
	if (unlikely(!sd_rate_admit(&priv->fn->rate, skb->len)))
		to = NULL;
	return sd_forward(dev, to, skb);
}

static netdev_tx_t sd_rep_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);

	return sd_forward(dev, rcu_dereference_bh(priv->fn->nd_up[SD_SIDE_FN]),
			  skb);
}

static netdev_tx_t sd_uplink_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);
	netdev_tx_t ret;

	if (READ_ONCE(priv->parent->mode) == DEVLINK_ESWITCH_MODE_LEGACY)
		return sd_veb_xmit(skb, dev);
	rcu_read_lock();
	ret = sd_lower_forward(dev, priv->parent, skb);
	rcu_read_unlock();
	return ret;
}

/*
 * Both ends of a function have a carrier while both are up. In legacy mode
 * the other end is the switch, which is always up.
 */
static void sd_fn_carrier(struct sd_fn *fn)
{
	struct net_device *dev = fn->nd[SD_SIDE_FN];
	struct net_device *rep = fn->nd[SD_SIDE_REP];
	bool up;

	ASSERT_RTNL();
	up = rtnl_dereference(fn->nd_up[SD_SIDE_FN]);
	if (fn->parent->mode == DEVLINK_ESWITCH_MODE_SWITCHDEV)
		up = up && rtnl_dereference(fn->nd_up[SD_SIDE_REP]);

	if (up) {
		if (dev)
			netif_carrier_on(dev);
		if (rep)
			netif_carrier_on(rep);
	} else {
		if (dev)
			netif_carrier_off(dev);
		if (rep)
			netif_carrier_off(rep);
	}
}

static int sd_fn_open(struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);
	struct sd_fn *fn = priv->fn;

	rcu_assign_pointer(fn->nd_up[priv->side], dev);
	if (priv->parent->mode == DEVLINK_ESWITCH_MODE_LEGACY)
		sd_veb_add(dev);
	sd_fn_carrier(fn);
	return 0;
}

/*
 * No transmitter finds the netdev after this but those under way, and the core
 * waits for these before it calls ndo_uninit.
 */
static int sd_fn_stop(struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);
	struct sd_fn *fn = priv->fn;

	sd_veb_del(dev);
	RCU_INIT_POINTER(fn->nd_up[priv->side], NULL);
	netif_carrier_off(dev);
	sd_fn_carrier(fn);
	return 0;
}

static int sd_uplink_open(struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);

	rcu_assign_pointer(priv->parent->uplink_up, dev);
	return 0;
}

static int sd_uplink_stop(struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);

	RCU_INIT_POINTER(priv->parent->uplink_up, NULL);
	return 0;
}

static int sd_netdev_init(struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);

	return gro_cells_init(&priv->cells, dev);
}

static void sd_netdev_uninit(struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);

	gro_cells_destroy(&priv->cells);
}

static __maybe_unused struct devlink_port *
sd_netdev_get_devlink_port(struct net_device *dev)
{
	struct sd_netdev *priv = netdev_priv(dev);

	return priv->port;
}

#define SD_NETDEV_OPS						\
	.ndo_init = sd_netdev_init,				\
	.ndo_uninit = sd_netdev_uninit,				\
	.ndo_set_mac_address = eth_mac_addr,			\
	.ndo_validate_addr = eth_validate_addr,			\
	.ndo_get_stats64 = dev_get_tstats64,			\
	SD_NDO_GET_DEVLINK_PORT

/* The sides of a function in switchdev mode. */
static const struct net_device_ops sd_side_netdev_ops[] = {
	[SD_SIDE_FN] = {
		.ndo_open = sd_fn_open,
		.ndo_stop = sd_fn_stop,
		.ndo_start_xmit = sd_fn_xmit,
		SD_NETDEV_OPS
	},
	[SD_SIDE_REP] = {
		.ndo_open = sd_fn_open,
		.ndo_stop = sd_fn_stop,
		.ndo_start_xmit = sd_rep_xmit,
		SD_NETDEV_OPS
	},
};

/* A function in legacy mode. */
static const struct net_device_ops sd_veb_netdev_ops = {
	.ndo_open = sd_fn_open,
	.ndo_stop = sd_fn_stop,
	.ndo_start_xmit = sd_veb_xmit,
	SD_NETDEV_OPS
};

static const struct net_device_ops sd_uplink_netdev_ops = {
	.ndo_open = sd_uplink_open,
	.ndo_stop = sd_uplink_stop,
	.ndo_start_xmit = sd_uplink_xmit,
	SD_NETDEV_OPS
};

/* The mode changes only while no function has a netdev. */
static const struct net_device_ops *
sd_netdev_ops(const struct sd_netdev_args *args)
{
	if (!args->fn)
		return &sd_uplink_netdev_ops;
	if (READ_ONCE(args->parent->mode) == DEVLINK_ESWITCH_MODE_LEGACY)
		return &sd_veb_netdev_ops;
	return &sd_side_netdev_ops[args->side];
}

static void sd_ethtool_get_drvinfo(struct net_device *dev,
				   struct ethtool_drvinfo *info)
{
	strscpy(info->driver, SD_DRV_NAME, sizeof(info->driver));
	strscpy(info->version, SD_VERSION, sizeof(info->version));
	strscpy(info->bus_info, dev_name(dev->dev.parent),
		sizeof(info->bus_info));
}

static void sd_ethtool_get_channels(struct net_device *dev,
				    struct ethtool_channels *channels)
{
	channels->max_tx = dev->num_tx_queues;
	channels->max_rx = dev->num_rx_queues;
	channels->tx_count = dev->real_num_tx_queues;
	channels->rx_count = dev->real_num_rx_queues;
}

static const struct ethtool_ops sd_ethtool_ops = {
	.get_drvinfo = sd_ethtool_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_channels = sd_ethtool_get_channels,
};

bool sd_netdev_is_ours(const struct net_device *dev)
{
	return dev->ethtool_ops == &sd_ethtool_ops;
}

static void sd_netdev_setup(struct net_device *dev,
			    const struct sd_netdev_args *args)
{
	struct sd_netdev *priv = netdev_priv(dev);
	u8 addr[ETH_ALEN];

	priv->parent = args->parent;
	priv->fn = args->fn;
	priv->side = args->side;
	priv->port = args->port;

	dev->netdev_ops = sd_netdev_ops(args);
	dev->ethtool_ops = &sd_ethtool_ops;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->needs_free_netdev = true;
	dev->priv_flags |= IFF_NO_QUEUE | IFF_LIVE_ADDR_CHANGE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->max_mtu = READ_ONCE(args->parent->max_mtu);
	sd_netdev_set_lltx(dev);
	dev->features |= SD_FEATURES;
	dev->hw_features = SD_FEATURES;
	dev->hw_enc_features = SD_FEATURES;
	dev->vlan_features = SD_FEATURES & ~(NETIF_F_HW_VLAN_CTAG_TX |
					     NETIF_F_HW_VLAN_STAG_TX |
					     NETIF_F_HW_VLAN_CTAG_RX |
					     NETIF_F_HW_VLAN_STAG_RX);

	if (args->hw_addr) {
		u64_to_ether_addr(args->hw_addr, addr);
		eth_hw_addr_set(dev, addr);
	} else {
		eth_hw_addr_random(dev);
	}
	SET_NETDEV_DEV(dev, args->dev);
	dev_net_set(dev, devlink_net(args->port->devlink));
	sd_netdev_set_port(dev, args->port);
}

/*
 * As veth: what a sender on this host has made is large already, and to look
 * for more to merge costs the small frames. ethtool turns it on.
 */
static void sd_netdev_gro_off(struct net_device *dev)
{
	dev->features &= ~NETIF_F_GRO;
	dev->wanted_features &= ~NETIF_F_GRO;
	netdev_update_features(dev);
}

/*
 * The core finds a free ethN by looking at every netdev there is. A name that
 * follows from the function's number costs nothing; if somebody has it, ethN
 * is better than a failure.
 */
static void sd_netdev_name(struct net_device *dev,
			   const struct sd_netdev_args *args)
{
	const char *prefix = args->parent->sdev->ifname;

	ASSERT_RTNL();
	if (!*prefix)
		return;
	if (!args->fn)
		snprintf(dev->name, IFNAMSIZ, "%sp0", prefix);
	else
		snprintf(dev->name, IFNAMSIZ, "%s%c%u", prefix,
			 args->side == SD_SIDE_FN ? 's' : 'r', args->fn->sfnum);
	if (netdev_name_in_use(dev_net(dev), dev->name))
		strscpy(dev->name, "eth%d", IFNAMSIZ);
}

/* Under rtnl. An error leaves it to be freed when that is released. */
static int sd_uplink_registered(struct sd_parent *parent,
				struct net_device *uplink)
{
	int err;

	parent->uplink = uplink;
	err = sd_lower_link(parent);
	if (err) {
		parent->uplink = NULL;
		unregister_netdevice(uplink);
		return err;
	}
	sd_lower_carrier(parent);
	return 0;
}

/**
 * sd_netdev_register() - make a netdev
 * @args: what it is; its port must be registered
 *
 * Takes rtnl. The caller holds what the comment at sd_fn.nd says.
 *
 * Return: the netdev, which sd_fn.nd points to if it is of a function, or an
 * error pointer. It is freed by being unregistered.
 */
struct net_device *sd_netdev_register(const struct sd_netdev_args *args)
{
	struct net_device *dev;
	int err;

	dev = alloc_etherdev_mqs(sizeof(struct sd_netdev), args->queues,
				 args->queues);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	sd_netdev_setup(dev, args);

	rtnl_lock();
	sd_netdev_name(dev, args);
	err = register_netdevice(dev);
	if (err) {
		rtnl_unlock();
		free_netdev(dev);
		return ERR_PTR(err);
	}
	sd_netdev_gro_off(dev);
	if (args->fn) {
		args->fn->nd[args->side] = dev;
		netif_carrier_off(dev);
	} else {
		err = sd_uplink_registered(args->parent, dev);
	}
	rtnl_unlock();
	if (err)
		return ERR_PTR(err);
	sd_port_netdev_set(args->port, dev);
	return dev;
}

void sd_uplink_netdev_unregister(struct sd_parent *parent)
{
	struct net_device *dev;

	sd_port_netdev_clear(&parent->port);

	rtnl_lock();
	sd_lower_unlink(parent);
	dev = parent->uplink;
	parent->uplink = NULL;
	unregister_netdevice(dev);
	rtnl_unlock();
}

/**
 * sd_fn_netdev_unregister() - unregister a netdev of a function
 * @fn: the function
 * @side: which
 * @port: its devlink port, which may go after this
 *
 * Harmless if a batch was faster. That is to be seen with rtnl only: the batch
 * forgets the netdev some time before the netdev forgets @port.
 */
void sd_fn_netdev_unregister(struct sd_fn *fn, enum sd_side side,
			     struct devlink_port *port)
{
	struct net_device *dev;

	sd_port_netdev_clear(port);

	rtnl_lock();
	dev = fn->nd[side];
	if (dev) {
		fn->nd[side] = NULL;
		unregister_netdevice(dev);
	}
	rtnl_unlock();
}

static void sd_netdevs_prepare(struct sd_fn *fn)
{
	struct sd_netdev *priv;

	mutex_lock(&fn->eth_lock);
	fn->eth_gone = true;
	if (fn->nd[SD_SIDE_FN]) {
		priv = netdev_priv(fn->nd[SD_SIDE_FN]);
		sd_port_netdev_clear(priv->port);
	}
	mutex_unlock(&fn->eth_lock);

	if (fn->nd[SD_SIDE_REP])
		sd_port_netdev_clear(&fn->port);
}

static void sd_netdevs_queue(struct sd_fn *fn, struct list_head *kill)
{
	enum sd_side side;

	for (side = 0; side < SD_SIDES; side++) {
		if (!fn->nd[side])
			continue;
		unregister_netdevice_queue(fn->nd[side], kill);
		fn->nd[side] = NULL;
	}
}

/**
 * sd_netdevs_unregister() - unregister many netdevs for the price of one
 * @parent: the parent, devl(parent) held
 * @only: do it for this function, or for all if NULL
 *
 * Removing a netdev costs RCU grace periods, tens of milliseconds, and a batch
 * costs the same. The owners of the netdevs find them gone later. No eth
 * driver can make a new one in between, until its function is activated anew.
 */
void sd_netdevs_unregister(struct sd_parent *parent, struct sd_fn *only)
{
	unsigned long index;
	struct sd_fn *fn;
	LIST_HEAD(kill);

	if (only) {
		sd_netdevs_prepare(only);
	} else {
		xa_for_each(&parent->fns, index, fn)
			sd_netdevs_prepare(fn);
	}

	rtnl_lock();
	if (only) {
		sd_netdevs_queue(only, &kill);
	} else {
		xa_for_each(&parent->fns, index, fn)
			sd_netdevs_queue(fn, &kill);
	}
	unregister_netdevice_many(&kill);
	rtnl_unlock();
}
