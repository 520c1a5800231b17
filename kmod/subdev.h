/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * subdev: a software network device that can be partitioned.
 *
 * Objects, from the outside in:
 *   sd_device   a parent on the subdev bus, made by writing to new_device
 *   sd_parent   its devlink instance: uplink, eswitch, functions
 *   sd_fn       a function: a pcisf port of the parent and a place in the pool.
 *               Made by "devlink port add" (kind SF) or an mdev "create"
 *   sd_nested   the function's own devlink instance, with its params. An mdev
 *               has it from its creation on, an SF while it is probed
 *   sd_eth      auxiliary device of the function's Ethernet half; its driver
 *               registers the netdev
 *   sd_netdev   private part of every netdev: uplink, representor, function
 *
 * Lock order, outermost first ("devl" is the lock of a devlink instance):
 *
 *   sysfs active reference
 *     device_lock(nic0)
 *       mdev_parent.unreg_sem
 *         device_lock(mdev)
 *           devl(parent)
 *             device_lock(aux sf)
 *               devl(nested)
 *                 device_lock(aux eth)
 *                   fn->eth_lock
 *                     rtnl
 *                       fault lock, nvm lock, rate lock, RCU
 *
 * sd_bus_lock is held for list work only, never across any of these: an entry
 * is marked busy instead.
 *
 * lockdep does not check device_lock(), so these rules are what keeps it safe:
 *
 * L1 Never call mdev_(un)register_parent() with devl(parent) held: removing an
 *    mdev takes it. So nothing that devlink calls on the parent (reload, mode,
 *    port del) can delete an mdev. Probe registers the mdev parent last,
 *    remove unregisters it first.
 * L2 Callbacks of the nested instance never take devl(parent): the parent's
 *    take devl(nested).
 * L3 The getters of a port function take no lock at all. The core calls them
 *    under rtnl without devl(parent) when a representor is renamed.
 * L4 Probe and remove of the aux sf driver never take devl(parent), those of
 *    the aux eth driver never take devl(nested): whoever adds or deletes the
 *    device holds them, and a bind or unbind by sysfs comes with neither.
 * L5 devl(parent) owns the set of functions, their ports, representors and
 *    states. devl(nested) owns the function's eth device and virtual port.
 * L6 6.1 only: unregistering an instance waits for the commands under way on
 *    it. Call it without that instance's lock, and under no lock that its
 *    callbacks want.
 * L7 A port that belongs to an mdev refuses "devlink port del", for L1's
 *    reason seen from the other side.
 * L8 Module exit clears the bus's enable flag and waits for the busy entries
 *    before it walks the parents. It holds no lock while it unregisters the
 *    bus, which waits for writers of new_device.
 */
#ifndef SUBDEV_H
#define SUBDEV_H

#include <linux/auxiliary_bus.h>
#include <linux/device.h>
#include <linux/hashtable.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/devlink.h>
#include <net/gro_cells.h>

#include "compat.h"

#define SD_DRV_NAME		"subdev"
#define SD_VERSION		"0.1.0"
#define SD_MAX_SUBDEVICES_DEF	256
#define SD_MAX_SUBDEVICES_MAX	65535
#define SD_NAME_MAX		31
/* Numbers below are for people, the module hands out those from here up. */
#define SD_SFNUM_AUTO_MIN	1000
#define SD_UPLINK_PORT_INDEX	0
#define SD_QUEUES_MAX		64
/* This host's, and the one that manners may add. */
#define SD_CONTROLLERS		2
#define SD_MDEV_TYPES		2
#define SD_VEB_BITS		8
/* That, a letter and any number are as long as a name can be. */
#define SD_IFNAME_MAX		4
#define SD_ASSET_TAG_SIZE	32

/**
 * struct sd_device - a parent on the subdev bus
 * @dev: the device
 * @list: in the list of all parents, under sd_bus_lock
 * @busy: a new_device or del_device of this parent is under way
 * @probe_err: why probe failed, since the driver core does not tell
 * @max_subdevices: size of the pool of functions
 * @mac_base: first of the parent's MAC addresses, 0 if it has none of its own
 * @lower_name: the netdev that the uplink joins, as it was asked for
 * @lower: that netdev, while it is there; written under rtnl, read under RCU
 * @ifname: what names of netdevs begin with, empty for the kernel's own
 * @parent: the devlink side, while probed
 * @mdev_parent: the mdev side
 * @mdev_types: one for each size of function
 * @mdev_type_ptrs: the array that the mdev core wants
 */
struct sd_device {
	struct device dev;
	struct list_head list;
	bool busy;
	int probe_err;
	u32 max_subdevices;
	u64 mac_base;
	char lower_name[IFNAMSIZ];
	struct net_device __rcu *lower;
	char ifname[SD_IFNAME_MAX + 1];
	struct sd_parent *parent;
#if IS_ENABLED(CONFIG_VFIO_MDEV)
	struct mdev_parent mdev_parent;
	struct mdev_type mdev_types[SD_MDEV_TYPES];
	struct mdev_type *mdev_type_ptrs[SD_MDEV_TYPES];
#endif
};

/**
 * struct sd_nvm - values of a parent's permanent params
 * @auto_sfnum_min: the first number that is handed out
 * @asset_tag: what the user calls the device
 */
struct sd_nvm {
	u32 auto_sfnum_min;
	char asset_tag[SD_ASSET_TAG_SIZE];
};

/**
 * struct sd_parent - private part of the parent's devlink instance
 * @sdev: the device
 * @port: physical port
 * @uplink: netdev of @port; while @up. Written under rtnl
 * @uplink_addr: MAC address of @uplink, 0 for a random one
 * @uplink_up: @uplink while it is up, for transmitters
 * @fns: functions by port index
 * @sfnums: functions of each controller by SF number
 * @next_index: where the search for a free port index goes on
 * @nr_fns: number of functions
 * @used: places of the pool that they take
 * @mode: eswitch mode
 * @up: ports are registered; false only after a reload failed half way
 * @dying: set before removal, refuses everything new
 * @spoof_check: drop frames with a foreign source address (legacy mode)
 * @max_queues: value in force of the param
 * @max_mtu: value in force of the param
 * @nvm: values in force of the permanent params
 * @health: health reporter
 * @health_work: reports what a test has triggered
 * @debugfs: folder of the parent
 * @async_activate: milliseconds that activation is late by, 0 for at once
 * @accept_mac_when_active: take an address that is not in force, as mlx5 does
 * @activate_work: brings up functions with sd_fn.activate_later
 * @switch_id: what representors of one eswitch have in common
 * @veb: functions' netdevs that are up in legacy mode, by MAC; written under
 *	 rtnl, read under RCU
 * @veb_all: the same in one list, for flooding
 */
struct sd_parent {
	struct sd_device *sdev;
	struct devlink_port port;
	struct net_device *uplink;
	u64 uplink_addr;
	struct net_device __rcu *uplink_up;
	struct xarray fns;
	struct xarray sfnums[SD_CONTROLLERS];
	u32 next_index;
	u32 nr_fns;
	u32 used;
	u16 mode;
	bool up;
	bool dying;
	bool spoof_check;
	u8 max_queues;
	u16 max_mtu;
	struct sd_nvm nvm;
	struct devlink_health_reporter *health;
	struct work_struct health_work;
	struct dentry *debugfs;
	u32 async_activate;
	bool accept_mac_when_active;
	struct delayed_work activate_work;
	struct netdev_phys_item_id switch_id;
	DECLARE_HASHTABLE(veb, SD_VEB_BITS);
	struct hlist_head veb_all;
};

enum sd_fn_kind {
	SD_FN_SF,
	SD_FN_MDEV,
};

/* The two netdevs that a function's frames go between. */
enum sd_side {
	SD_SIDE_FN,
	SD_SIDE_REP,
	SD_SIDES,
};

/* Bits of sd_fn.flags, atomic because the getters read them without a lock. */
enum {
	SD_FN_ACTIVE,		/* administrative state */
	SD_FN_PROBED,		/* the host driver has taken it */
	SD_FN_ETH_WANTED,	/* there is an eth device ... */
	SD_FN_ETH_BOUND,	/* ... and its driver has taken that */
};

/**
 * struct sd_bucket - a token bucket
 * @rate: bytes a second, 0 for no limit
 * @tokens: bytes that may be sent
 * @rest: of the last division, so that slow rates do not lose it
 * @stamp: when it was last filled
 */
struct sd_bucket {
	u64 rate;
	s64 tokens;
	u64 rest;
	u64 stamp;
};

/**
 * struct sd_rate - a rate object: leaf of a function, or node
 * @parent: the node above; written under devl(parent), read under RCU
 * @limited: there is a limit, a share or a node above: read by every frame
 * @lock: for the buckets; a leaf of the lock order
 * @max: limit
 * @share: what passes the limits above
 * @rcu: frees a node
 */
struct sd_rate {
	struct sd_rate __rcu *parent;
	bool limited;
	spinlock_t lock; /* see above */
	struct sd_bucket max;
	struct sd_bucket share;
	struct rcu_head rcu;
};

/**
 * struct sd_fn - a function
 * @parent: its parent
 * @kind: the way it was made
 * @size: places of the pool that it takes, and queues that it begins with
 * @controller: whose host runs it; 0 for this one
 * @port: its port on the parent. Keeps its address over a parent reload, and
 *	  must not be zeroed there: it remembers the nested instance
 * @port_registered: @port is known to devlink
 * @port_index: index of @port, stable for the function's life
 * @sfnum: SF number
 * @hw_addr: MAC address as ether_addr_to_u64() gives it, to be read at once
 * @roce: setting of the port function, to be read at once as well
 * @max_io_eqs: the same; the netdev has no more queues than that
 * @flags: SD_FN_* bits
 * @activate_later: active by name, to be brought up by the parent's work
 * @activate_at: when
 * @eth_lock: held while the eth driver makes or removes the netdev
 * @eth_gone: the netdev was taken away in a batch, none may come. @eth_lock
 * @nd: registered netdevs; written under rtnl and, for %SD_SIDE_FN, @eth_lock
 *	or, for %SD_SIDE_REP, devl(parent)
 * @nd_up: those of them that are up, for transmitters
 * @rate: transmit rate
 * @rate_registered: devlink has a leaf for @rate
 * @nested: own devlink instance; for %SD_FN_MDEV only
 * @sf: auxiliary device while active; for %SD_FN_SF only
 */
struct sd_fn {
	struct sd_parent *parent;
	enum sd_fn_kind kind;
	u32 size;
	u32 controller;
	struct devlink_port port;
	bool port_registered;
	u32 port_index;
	u32 sfnum;
	u64 hw_addr;
	bool roce;
	u32 max_io_eqs;
	unsigned long flags;
	bool activate_later;
	unsigned long activate_at;
	struct mutex eth_lock; /* see above */
	bool eth_gone;
	struct net_device *nd[SD_SIDES];
	struct net_device __rcu *nd_up[SD_SIDES];
	struct sd_rate rate;
	bool rate_registered;
	struct sd_nested *nested;
	struct sd_sf *sf;
};

/**
 * struct sd_nested - private part of a function's own devlink instance
 * @fn: the function
 * @dev: the device of the instance: mdev or auxiliary
 * @port: virtual port, registered while there is an eth device
 * @eth: the eth device
 * @active: the function is active. Written under devl(nested)
 * @enable_eth: value in force of the param
 * @queues: value in force of the param
 * @roce: setting of the port function that was found when last probed
 * @max_io_eqs: the same
 *
 * The values in force are copies. On 6.1 a driverinit value set by the user is
 * what the core returns at once; on 6.12 only after a reload. Reading them in
 * reload and nowhere else makes both behave like 6.12.
 */
struct sd_nested {
	struct sd_fn *fn;
	struct device *dev;
	struct devlink_port port;
	struct sd_eth *eth;
	bool active;
	bool enable_eth;
	u32 queues;
	bool roce;
	u32 max_io_eqs;
};

/**
 * struct sd_netdev - private part of a netdev
 * @parent: its parent
 * @fn: its function, NULL for the uplink
 * @side: which side of @fn it is
 * @port: its devlink port
 * @cells: per-CPU NAPI that receives what the other side sends
 * @veb_mac: in the parent's table by MAC
 * @veb_all: in the parent's list
 * @veb_addr: the address that @veb_mac is filed under
 */
struct sd_netdev {
	struct sd_parent *parent;
	struct sd_fn *fn;
	enum sd_side side;
	struct devlink_port *port;
	struct gro_cells cells;
	struct hlist_node veb_mac;
	struct hlist_node veb_all;
	u64 veb_addr;
};

/* main.c */
void sd_live_get(void);
void sd_live_put(void);

/* bus.c */
int sd_bus_init(void);
void sd_bus_exit(void);

static inline struct sd_device *to_sd_device(struct device *dev)
{
	return container_of(dev, struct sd_device, dev);
}

/* parent.c */
int sd_parent_probe(struct sd_device *sdev);
void sd_parent_remove(struct sd_device *sdev);
int sd_parent_reset(struct sd_parent *parent);

/* params.c */
int sd_parent_params_add(struct sd_parent *parent);
void sd_parent_params_del(struct sd_parent *parent);
void sd_parent_params_load(struct sd_parent *parent);
void sd_nvm_exit(void);

/* health.c */
int sd_resources_add(struct sd_parent *parent);
void sd_resources_del(struct sd_parent *parent);
int sd_health_add(struct sd_parent *parent);
void sd_health_stop(struct sd_parent *parent);
void sd_health_del(struct sd_parent *parent);

/* manners.c */
enum {
	SD_OTHER_HOST_NONE,
	SD_OTHER_HOST_IDLE,
	SD_OTHER_HOST_ATTACHES,
};

u32 sd_other_host(void);
void sd_manners_init(void);
void sd_manners_add(struct sd_parent *parent);
void sd_manners_del(struct sd_parent *parent);

/* eswitch.c */
int sd_eswitch_mode_get(struct devlink *devlink, u16 *mode);
int sd_eswitch_mode_set(struct devlink *devlink, u16 mode,
			struct netlink_ext_ack *extack);
int sd_eswitch_inline_mode_get(struct devlink *devlink, u8 *mode);
int sd_eswitch_inline_mode_set(struct devlink *devlink, u8 mode,
			       struct netlink_ext_ack *extack);
int sd_eswitch_encap_mode_get(struct devlink *devlink,
			      enum devlink_eswitch_encap_mode *mode);
int sd_eswitch_encap_mode_set(struct devlink *devlink,
			      enum devlink_eswitch_encap_mode mode,
			      struct netlink_ext_ack *extack);
int sd_eswitch_up(struct sd_parent *parent);
void sd_eswitch_down(struct sd_parent *parent);

/* port.c */
int sd_port_new(struct devlink *devlink,
		const struct devlink_port_new_attrs *attrs,
		struct netlink_ext_ack *extack, sd_new_port_t *new_port);
int sd_port_del_index(struct devlink *devlink, unsigned int index,
		      struct netlink_ext_ack *extack);
int sd_port_hw_addr_get(struct devlink_port *port, u8 *hw_addr, int *len,
			struct netlink_ext_ack *extack);
int sd_port_hw_addr_set(struct devlink_port *port, const u8 *hw_addr, int len,
			struct netlink_ext_ack *extack);
int sd_port_state_get(struct devlink_port *port,
		      enum devlink_port_fn_state *state,
		      enum devlink_port_fn_opstate *opstate,
		      struct netlink_ext_ack *extack);
int sd_port_state_set(struct devlink_port *port,
		      enum devlink_port_fn_state state,
		      struct netlink_ext_ack *extack);
int sd_fn_port_register(struct sd_fn *fn);
void sd_fn_port_unregister(struct sd_fn *fn);

/* fn.c */
struct sd_fn *sd_fn_create(struct sd_parent *parent, enum sd_fn_kind kind,
			   u32 size, u32 controller, const u32 *sfnum,
			   struct netlink_ext_ack *extack);
void sd_fn_destroy(struct sd_fn *fn);
int sd_fn_plug(struct sd_fn *fn);
void sd_fn_unplug(struct sd_fn *fn);
int sd_fn_activate(struct sd_fn *fn, struct netlink_ext_ack *extack);
void sd_fn_activate_late(struct sd_fn *fn);
void sd_fn_deactivate(struct sd_fn *fn);

/* fn_devlink.c */
struct sd_nested *sd_nested_create(struct sd_fn *fn, struct device *dev,
				   bool active);
void sd_nested_destroy(struct sd_nested *nested);
int sd_nested_activate(struct sd_nested *nested);
void sd_nested_deactivate(struct sd_nested *nested);

/* sf.c */
int sd_sf_add(struct sd_fn *fn);
void sd_sf_del(struct sd_fn *fn);
int sd_sf_init(void);
void sd_sf_exit(void);

/* eth.c */
struct sd_eth *sd_eth_add(struct sd_nested *nested);
void sd_eth_del(struct sd_eth *eth);
int sd_eth_init(void);
void sd_eth_exit(void);

/* netdev.c */
struct sd_netdev_args {
	struct sd_parent *parent;
	struct sd_fn *fn;
	enum sd_side side;
	struct device *dev;
	struct devlink_port *port;
	u64 hw_addr;
	u32 queues;
};

struct net_device *sd_netdev_register(const struct sd_netdev_args *args);
void sd_fn_netdev_unregister(struct sd_fn *fn, enum sd_side side,
			     struct devlink_port *port);
void sd_netdevs_unregister(struct sd_parent *parent, struct sd_fn *only);
void sd_uplink_netdev_unregister(struct sd_parent *parent);
bool sd_netdev_is_ours(const struct net_device *dev);
bool sd_netdev_receive(struct net_device *to, struct sk_buff *skb);
netdev_tx_t sd_netdev_forward(struct net_device *from, struct net_device *to,
			      struct sk_buff *skb);

/* veb.c */
void sd_veb_add(struct net_device *dev);
void sd_veb_del(struct net_device *dev);
netdev_tx_t sd_veb_xmit(struct sk_buff *skb, struct net_device *dev);
void sd_veb_receive(struct sd_parent *parent, struct sk_buff *skb);

/* lower.c */
int sd_lower_init(void);
void sd_lower_exit(void);
int sd_lower_attach(struct sd_parent *parent);
void sd_lower_detach(struct sd_parent *parent);
int sd_lower_link(struct sd_parent *parent);
void sd_lower_unlink(struct sd_parent *parent);
void sd_lower_carrier(struct sd_parent *parent);
bool sd_lower_send(struct sd_parent *parent, struct sk_buff *skb);
netdev_tx_t sd_lower_forward(struct net_device *from, struct sd_parent *parent,
			     struct sk_buff *skb);

/* rate.c */
void sd_rate_init(struct sd_rate *rate);
bool sd_rate_admit_limited(struct sd_rate *leaf, unsigned int len);

/* Most functions have no limit. */
static inline bool sd_rate_admit(struct sd_rate *leaf, unsigned int len)
{
	if (likely(!READ_ONCE(leaf->limited)))
		return true;
	return sd_rate_admit_limited(leaf, len);
}

int sd_rate_leaf_add(struct sd_fn *fn);
void sd_rate_leaf_del(struct sd_fn *fn);
int sd_rate_tx_max_set(struct devlink_rate *devlink_rate, void *priv,
		       u64 tx_max, struct netlink_ext_ack *extack);
int sd_rate_tx_share_set(struct devlink_rate *devlink_rate, void *priv,
			 u64 tx_share, struct netlink_ext_ack *extack);
int sd_rate_node_new(struct devlink_rate *node, void **priv,
		     struct netlink_ext_ack *extack);
int sd_rate_node_del(struct devlink_rate *node, void *priv,
		     struct netlink_ext_ack *extack);
int sd_rate_parent_set(struct devlink_rate *child, struct devlink_rate *parent,
		       void *priv_child, void *priv_parent,
		       struct netlink_ext_ack *extack);

/* fault.c */
enum sd_fault_op {
	SD_FAULT_NEW_DEVICE,
	SD_FAULT_MODE_SET,
	SD_FAULT_MDEV_CREATE,
	SD_FAULT_PORT_ADD,
	SD_FAULT_FUNCTION_SET,
	SD_FAULT_ACTIVATE,
	SD_FAULT_PARAM_SET,
	SD_FAULT_RELOAD,
	SD_FAULT_RELOAD_UP,
	SD_FAULT_OPS,
};

int sd_fault(enum sd_fault_op op, struct netlink_ext_ack *extack);
struct dentry *sd_fault_debugfs(void);
void sd_fault_init(void);
void sd_fault_exit(void);

/* mdev.c, absent where the kernel has no mdev */
#if IS_ENABLED(CONFIG_VFIO_MDEV)
int sd_mdev_init(void);
void sd_mdev_exit(void);
int sd_mdev_parent_register(struct sd_device *sdev);
void sd_mdev_parent_unregister(struct sd_device *sdev);
#else
static inline int sd_mdev_init(void)
{
	return 0;
}

static inline void sd_mdev_exit(void)
{
}

static inline int sd_mdev_parent_register(struct sd_device *sdev)
{
	return 0;
}

static inline void sd_mdev_parent_unregister(struct sd_device *sdev)
{
}
#endif

#endif
