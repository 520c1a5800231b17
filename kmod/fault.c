// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection, for any parent: debugfs subdev/fail arms the n-th call of an
 * operation to fail once with a chosen errno, subdev/delay makes every call of
 * one take so many milliseconds longer.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "subdev.h"

/* Less than what the kernel calls a hung task. */
#define SD_DELAY_MAX_MS 30000

struct sd_fault {
	const char *name;
	u32 nth;	/* 0: not armed */
	u32 seen;	/* calls since it was armed */
	int err;
	u32 delay;
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
	[SD_FAULT_RELOAD_UP] = { .name = "reload_up" },
};

static DEFINE_SPINLOCK(sd_fault_lock);
static struct dentry *sd_fault_dir;

/**
 * sd_fault() - does this call fail, and how long does it take?
 * @op: the operation
 * @extack: where to say so, or NULL
 *
 * Return: 0 or the errno asked for.
 */
int sd_fault(enum sd_fault_op op, struct netlink_ext_ack *extack)
{
	struct sd_fault *fault = &sd_faults[op];
	int err = 0;
	u32 delay;

	spin_lock(&sd_fault_lock);
	if (fault->nth && ++fault->seen == fault->nth) {
		err = -fault->err;
		fault->nth = 0;
	}
	delay = fault->delay;
	spin_unlock(&sd_fault_lock);
	if (delay)
		msleep(delay);
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

static int sd_fault_find(const char *name)
{
	int i;

	for (i = 0; i < SD_FAULT_OPS; i++)
		if (!strcmp(sd_faults[i].name, name))
			return i;
	return -EINVAL;
}

static int sd_fault_arm(const char *name, u32 nth, int err)
{
	int i = sd_fault_find(name);

	if (i < 0 || !nth || err < 1 || err > MAX_ERRNO)
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

static int sd_delay_show(struct seq_file *seq, void *unused)
{
	u32 delay;
	int i;

	for (i = 0; i < SD_FAULT_OPS; i++) {
		delay = READ_ONCE(sd_faults[i].delay);
		if (delay)
			seq_printf(seq, "%s %u\n", sd_faults[i].name, delay);
	}
	return 0;
}

static int sd_delay_open(struct inode *inode, struct file *file)
{
	return single_open(file, sd_delay_show, NULL);
}

static void sd_delay_set(int i, u32 delay)
{
	spin_lock(&sd_fault_lock);
	sd_faults[i].delay = delay;
	spin_unlock(&sd_fault_lock);
}

static int sd_delay_parse(char *text)
{
	char name[16], end;
	u32 delay;
	int i;

	if (!strcmp(text, "clear")) {
		for (i = 0; i < SD_FAULT_OPS; i++)
			sd_delay_set(i, 0);
		return 0;
	}
	if (sscanf(text, "%15s %u %c", name, &delay, &end) != 2 ||
	    delay > SD_DELAY_MAX_MS)
		return -EINVAL;
	i = sd_fault_find(name);
	if (i < 0)
		return i;
	sd_delay_set(i, delay);
	return 0;
}

static ssize_t sd_delay_write(struct file *file, const char __user *ubuf,
			      size_t count, loff_t *ppos)
{
	char *text;
	int err;

	text = memdup_user_nul(ubuf, min_t(size_t, count, PAGE_SIZE));
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = sd_delay_parse(strim(text));
	kfree(text);
	return err ?: count;
}

static const struct file_operations sd_delay_fops = {
	.owner = THIS_MODULE,
	.open = sd_delay_open,
	.read = seq_read,
	.write = sd_delay_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* Where each parent has a folder. */
struct dentry *sd_fault_debugfs(void)
{
	return sd_fault_dir;
}

void sd_fault_init(void)
{
	sd_fault_dir = debugfs_create_dir(SD_DRV_NAME, NULL);
	debugfs_create_file("fail", 0600, sd_fault_dir, NULL, &sd_fault_fops);
	debugfs_create_file("delay", 0600, sd_fault_dir, NULL, &sd_delay_fops);
}

void sd_fault_exit(void)
{
	debugfs_remove_recursive(sd_fault_dir);
}
