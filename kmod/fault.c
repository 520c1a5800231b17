// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection: debugfs subdev/fail arms the n-th call of an operation, on
 * any parent, to fail once with a chosen errno.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "subdev.h"

struct sd_fault {
	const char *name;
	u32 nth;	/* 0: not armed */
	u32 seen;	/* calls since it was armed */
	int err;
	char msg[64];
};

static struct sd_fault sd_faults[SD_FAULT_OPS] = {
	[SD_FAULT_NEW_DEVICE] = { .name = "new_device" },
	[SD_FAULT_MODE_SET] = { .name = "mode_set" },
	[SD_FAULT_MDEV_CREATE] = { .name = "mdev_create" },
	[SD_FAULT_PORT_ADD] = { .name = "port_add" },
	[SD_FAULT_FUNCTION_SET] = { .name = "function_set" },
	[SD_FAULT_ACTIVATE] = { .name = "activate" },
	[SD_FAULT_PARAM_SET] = { .name = "param_set" },
	[SD_FAULT_RELOAD] = { .name = "reload" },
};

static DEFINE_SPINLOCK(sd_fault_lock);
static struct dentry *sd_fault_dir;

/**
 * sd_fault() - does this call fail?
 * @op: the operation
 * @extack: where to say so, or NULL
 *
 * Return: 0 or the errno asked for.
 */
int sd_fault(enum sd_fault_op op, struct netlink_ext_ack *extack)
{
	struct sd_fault *fault = &sd_faults[op];
	int err = 0;

	spin_lock(&sd_fault_lock);
	if (fault->nth && ++fault->seen == fault->nth) {
		err = -fault->err;
		fault->nth = 0;
	}
	spin_unlock(&sd_fault_lock);
	/* 6.1 has no helper for a text that is not a literal. */
	if (err && extack)
		extack->_msg = fault->msg;
	return err;
}

static int sd_fault_show(struct seq_file *seq, void *unused)
{
	struct sd_fault fault;
	int i;

	for (i = 0; i < SD_FAULT_OPS; i++) {
		spin_lock(&sd_fault_lock);
		fault = sd_faults[i];
		spin_unlock(&sd_fault_lock);
		if (fault.nth)
			seq_printf(seq, "%s %u %d seen %u\n", fault.name,
				   fault.nth, fault.err, fault.seen);
	}
	return 0;
}

static int sd_fault_open(struct inode *inode, struct file *file)
{
	return single_open(file, sd_fault_show, NULL);
}

static int sd_fault_arm(const char *name, u32 nth, int err)
{
	int i;

	if (!nth || err < 1 || err > MAX_ERRNO)
		return -EINVAL;
	for (i = 0; i < SD_FAULT_OPS; i++)
		if (!strcmp(sd_faults[i].name, name))
			break;
	if (i == SD_FAULT_OPS)
		return -EINVAL;

	spin_lock(&sd_fault_lock);
	sd_faults[i].nth = nth;
	sd_faults[i].seen = 0;
	sd_faults[i].err = err;
	snprintf(sd_faults[i].msg, sizeof(sd_faults[i].msg),
		 "fault injection: %s call %u", name, nth);
	spin_unlock(&sd_fault_lock);
	return 0;
}

static void sd_fault_clear(void)
{
	int i;

	spin_lock(&sd_fault_lock);
	for (i = 0; i < SD_FAULT_OPS; i++)
		sd_faults[i].nth = 0;
	spin_unlock(&sd_fault_lock);
}

static ssize_t sd_fault_write(struct file *file, const char __user *ubuf,
			      size_t count, loff_t *ppos)
{
	char name[16], end;
	char *text;
	u32 nth;
	int err;

	text = memdup_user_nul(ubuf, min_t(size_t, count, PAGE_SIZE));
	if (IS_ERR(text))
		return PTR_ERR(text);

	if (!strcmp(strim(text), "clear")) {
		sd_fault_clear();
		err = 0;
	} else if (sscanf(strim(text), "%15s %u %d %c", name, &nth, &err,
			  &end) == 3) {
		err = sd_fault_arm(name, nth, err);
	} else {
		err = -EINVAL;
	}
	kfree(text);
	return err ?: count;
}

static const struct file_operations sd_fault_fops = {
	.owner = THIS_MODULE,
	.open = sd_fault_open,
	.read = seq_read,
	.write = sd_fault_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void sd_fault_init(void)
{
	sd_fault_dir = debugfs_create_dir(SD_DRV_NAME, NULL);
	debugfs_create_file("fail", 0600, sd_fault_dir, NULL, &sd_fault_fops);
}

void sd_fault_exit(void)
{
	debugfs_remove_recursive(sd_fault_dir);
}
