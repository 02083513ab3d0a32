/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls on files and descriptors have: flags of open(2), results of
 * stat(2), vectors, requests of fcntl(2).
 */
#include "host/trace/decode_part.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define F_DUPFD_CLOEXEC_ 1030u

/* The other bits, behind something that is printed already. */
static void put_other_flags(struct decoder *d, const struct wy_flags *flags, unsigned long left)
{
	if (!left)
		return;
	put_char(d, '|');
	for (const struct wy_flag *f = flags->table; f->name; f++) {
		if (!f->value || (left & f->value) != f->value)
			continue;
		put_text(d, f->name);
		left &= ~f->value;
		if (left)
			put_char(d, '|');
	}
	if (left)
		put_hex(d, left);
}

void put_open_flags(struct decoder *d, unsigned long flags)
{
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };

	put_text(d, modes[flags & 3]);
	put_other_flags(d, &wy_open_flags, flags & ~3ul);
}

static void put_open_flags_arg(struct decoder *d, unsigned int i)
{
	put_open_flags(d, (unsigned int)d->args[i]);
}

static void put_flags_only(struct decoder *d, unsigned int i)
{
	put_flags(d, &wy_open_flags, (unsigned int)d->args[i]);
}

static void put_map_flags(struct decoder *d, unsigned int i)
{
	static const char *const types[] = { "MAP_FILE", "MAP_SHARED", "MAP_PRIVATE",
					     "MAP_SHARED_VALIDATE" };
	unsigned int flags = (unsigned int)d->args[i], type = flags & 0xf;

	if (type < 4)
		put_text(d, types[type]);
	else
		put_format(d, "%#x /* MAP_??? */", type);
	put_other_flags(d, wy_flags_of(WY_ARG_MAP_FLAGS), flags & ~0xfu);
}

void put_mode(struct decoder *d, unsigned long mode)
{
	const char *name = wy_flag_name(&wy_file_types, mode & S_IFMT);

	if (name) {
		put_text(d, name);
		put_char(d, '|');
	}
	put_octal(d, name ? mode & ~(unsigned long)S_IFMT : mode);
}

void put_device(struct decoder *d, unsigned long device)
{
	put_format(d, "makedev(%#x, %#x)", major(device), minor(device));
}

static void put_mknod_mode(struct decoder *d, unsigned int i)
{
	put_mode(d, d->args[i] & 0xffff);
}

/* How it is synchronized always has a name. */
static void put_statx_flags(struct decoder *d, unsigned int i)
{
	unsigned int flags = (unsigned int)d->args[i];

	if (flags && !(flags & 0x6000)) {
		put_text(d, "AT_STATX_SYNC_AS_STAT");
		put_other_flags(d, wy_flags_of(WY_ARG_STATX_FLAGS), flags);
	} else {
		put_flags(d, wy_flags_of(WY_ARG_STATX_FLAGS), flags);
	}
}

static void put_stat(struct decoder *d, unsigned int i)
{
	struct stat st;

	if (!arg_out(d, i, &st, sizeof(st))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{st_mode=");
	put_mode(d, st.st_mode);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		put_text(d, ", st_rdev=");
		put_device(d, st.st_rdev);
	} else {
		put_format(d, ", st_size=%ld", (long)st.st_size);
	}
	put_text(d, ", ...}");
}

static void put_statx(struct decoder *d, unsigned int i)
{
	struct {
		unsigned int mask, blksize;
		unsigned long attributes;
		unsigned int nlink, uid, gid;
		unsigned short mode, pad;
		unsigned long ino, size;
	} stx;

	if (!arg_out(d, i, &stx, sizeof(stx))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{stx_mask=");
	put_flags(d, &wy_stat_mask, stx.mask);
	put_text(d, ", stx_attributes=");
	put_flags(d, &wy_stat_attributes, stx.attributes);
	put_text(d, ", stx_mode=");
	put_mode(d, stx.mode);
	put_format(d, ", stx_size=%lu, ...}", stx.size);
}

static void put_statfs(struct decoder *d, unsigned int i)
{
	struct {
		long type, bsize, blocks, bfree, bavail, files, ffree;
		unsigned int fsid[2];
		long namelen, frsize, flags;
	} fs;
	const char *magic;

	if (!arg_out(d, i, &fs, sizeof(fs))) {
		put_address(d, d->args[i]);
		return;
	}
	magic = wy_flag_name(&wy_fs_magic, (unsigned long)fs.type);
	put_text(d, "{f_type=");
	if (magic)
		put_text(d, magic);
	else
		put_hex(d, (unsigned long)fs.type);
	put_format(d, ", f_bsize=%lu, f_blocks=%lu, f_bfree=%lu, f_bavail=%lu", fs.bsize, fs.blocks,
		   fs.bfree, fs.bavail);
	put_format(d, ", f_files=%lu, f_ffree=%lu, f_fsid={val=[%#x, %#x]}", fs.files, fs.ffree,
		   fs.fsid[0], fs.fsid[1]);
	put_format(d, ", f_namelen=%lu, f_frsize=%lu, f_flags=", fs.namelen, fs.frsize);
	put_flags(d, &wy_fs_flags, (unsigned long)fs.flags);
	put_char(d, '}');
}

/* ---- vectors ---- */

/* The bytes of element k: the items of one message end where the next one begins. */
static bool data_of(struct wy_bytes items, unsigned int k, struct wy_item_view *ret)
{
	while (wy_item_next(&items, ret) && ret->what != WY_ITEM_MESSAGE) {
		if (ret->what == WY_ITEM_DATA && ret->index == k)
			return true;
	}
	return false;
}

void put_iov(struct decoder *d, struct wy_bytes bytes, bool more, unsigned long count,
	     struct wy_bytes items)
{
	struct {
		unsigned long base, len;
	} iov;
	bool in = d->row->flow == WY_FLOW_IN || d->row->flow == WY_FLOW_IN_MANY;
	bool out = d->row->flow == WY_FLOW_OUT || d->row->flow == WY_FLOW_OUT_MANY;
	unsigned int k = 0;

	put_char(d, '[');
	for (; k < count && take(bytes, k * sizeof(iov), &iov, sizeof(iov)); k++) {
		struct wy_item_view data;

		put_text(d, k ? ", {iov_base=" : "{iov_base=");
		if (iov.base && (out || !d->failed) && data_of(items, k, &data))
			put_quoted(d, data.bytes, data.flags & WY_ITEM_CUT);
		else if (iov.base && in && !d->failed)
			put_text(d, "\"\""); /* the result did not reach it */
		else
			put_address(d, iov.base);
		put_text(d, ", iov_len=");
		put_ulong(d, iov.len);
		put_char(d, '}');
	}
	put_text(d, more ? k ? ", ...]" : "...]" : "]");
}

static void put_iov_arg(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;

	if (item_of(d, WY_ITEM_IN, i, &item) || item_of(d, WY_ITEM_OUT, i, &item))
		put_iov(d, item.bytes, item.flags & WY_ITEM_CUT, ~0ul, d->v->items);
	else
		put_address(d, d->args[i]);
}

/* ---- small things ---- */

static void put_offset(struct decoder *d, unsigned int i)
{
	long before, after;

	if (!d->args[i] || !arg_in(d, i, &before, sizeof(before))) {
		put_address(d, d->args[i]);
		return;
	}
	put_format(d, "[%ld]", before);
	if (d->nr == SYS_sendfile && arg_out(d, i, &after, sizeof(after)) && after != before)
		put_format(d, " => [%ld]", after);
}

static void put_fds2(struct decoder *d, unsigned int i)
{
	int fds[2];

	if (!arg_out(d, i, fds, sizeof(fds))) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '[');
	put_fd_of(d, fds[0]);
	put_text(d, ", ");
	put_fd_of(d, fds[1]);
	put_char(d, ']');
}

static void put_entries(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;
	unsigned long count;

	put_address(d, d->args[i]);
	if (item_of(d, WY_ITEM_COUNT, i, &item) && take(item.bytes, 0, &count, sizeof(count)))
		put_format(d, " /* %lu entries */", count);
}

static void put_cwd(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;

	if (item_of(d, WY_ITEM_OUT, i, &item))
		put_quoted_text(d, item.bytes, false);
	else
		put_address(d, d->args[i]);
}

static void put_open_how(struct decoder *d, unsigned int i)
{
	unsigned long how[3];

	if (!arg_in(d, i, how, sizeof(how))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{flags=");
	put_open_flags(d, how[0]);
	if ((how[0] & (O_CREAT | 020000000)) || how[1]) { /* O_TMPFILE without O_DIRECTORY */
		put_text(d, ", mode=");
		put_octal(d, how[1]);
	}
	put_text(d, ", resolve=");
	put_flags(d, &wy_resolve_flags, how[2]);
	put_char(d, '}');
}

static void put_mincore(struct decoder *d, unsigned int i)
{
	struct wy_item_view item;

	if (!item_of(d, WY_ITEM_OUT, i, &item)) {
		put_address(d, d->args[i]);
		return;
	}
	put_char(d, '[');
	for (size_t k = 0; k < item.bytes.len; k++)
		put_format(d, k ? ", %u" : "%u", item.bytes.at[k] & 1);
	put_text(d, item.flags & WY_ITEM_CUT ? ", ...]" : "]");
}

/* ---- fcntl(2) ---- */

static void put_lock(struct decoder *d, unsigned int i, bool asked)
{
	struct {
		short type, whence;
		int pad;
		long start, len;
		int pid, pad2;
	} lock;

	if (asked ? !arg_out(d, i, &lock, sizeof(lock)) : !arg_in(d, i, &lock, sizeof(lock))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{l_type=");
	put_flags(d, &wy_lock_types, (unsigned short)lock.type);
	put_text(d, ", l_whence=");
	put_flags(d, &wy_whence, (unsigned short)lock.whence);
	put_format(d, ", l_start=%ld, l_len=%ld", lock.start, lock.len);
	if (asked)
		put_format(d, ", l_pid=%d", lock.pid);
	put_char(d, '}');
}

static void put_owner(struct decoder *d, unsigned int i, bool asked)
{
	int owner[2];

	if (asked ? !arg_out(d, i, owner, sizeof(owner)) : !arg_in(d, i, owner, sizeof(owner))) {
		put_address(d, d->args[i]);
		return;
	}
	put_text(d, "{type=");
	put_flags(d, &wy_owner_types, (unsigned int)owner[0]);
	put_format(d, ", pid=%d}", owner[1]);
}

static void put_fcntl_arg(struct decoder *d, unsigned int i)
{
	unsigned int value = (unsigned int)d->args[i];

	switch ((unsigned int)d->args[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC_:
	case F_SETOWN:
	case 1031: /* F_SETPIPE_SZ */ put_long(d, (int)value); break;
	case F_SETFD: put_flags(d, &wy_fd_flags, value); break;
	case F_SETFL: put_open_flags(d, value); break;
	case F_SETLK:
	case F_SETLKW:
	case 37: /* F_OFD_SETLK */
	case 38: put_lock(d, i, false); break;
	case F_GETLK:
	case 36: put_lock(d, i, true); break;
	case 10: /* F_SETSIG */ put_signal(d, value); break;
	case 15: /* F_SETOWN_EX */ put_owner(d, i, false); break;
	case 16: put_owner(d, i, true); break;
	case 1024: /* F_SETLEASE */ put_flags(d, &wy_lease_types, value); break;
	case 1026: /* F_NOTIFY */ put_flags(d, &wy_notify_flags, value); break;
	case 1033: /* F_ADD_SEALS */ put_flags(d, &wy_seals, value); break;
	default: put_hex(d, d->args[i]);
	}
}

printer *wy_file_printer(enum wy_arg type)
{
	switch (type) {
	case WY_ARG_OPEN_FLAGS: return put_open_flags_arg;
	case WY_ARG_FANOTIFY_EVENT_FLAGS: return put_open_flags_arg;
	case WY_ARG_OPEN_FLAGS_ONLY: return put_flags_only;
	case WY_ARG_MAP_FLAGS: return put_map_flags;
	case WY_ARG_MKNOD_MODE: return put_mknod_mode;
	case WY_ARG_STATX_FLAGS: return put_statx_flags;
	case WY_ARG_STAT_OUT: return put_stat;
	case WY_ARG_STATX_OUT: return put_statx;
	case WY_ARG_STATFS_OUT: return put_statfs;
	case WY_ARG_IOV:
	case WY_ARG_IOV_IN:
	case WY_ARG_IOV_OUT: return put_iov_arg;
	case WY_ARG_OFFSET: return put_offset;
	case WY_ARG_FDS2_OUT: return put_fds2;
	case WY_ARG_DENTS:
	case WY_ARG_DENTS64: return put_entries;
	case WY_ARG_CWD_OUT: return put_cwd;
	case WY_ARG_OPEN_HOW: return put_open_how;
	case WY_ARG_MINCORE_OUT: return put_mincore;
	case WY_ARG_FCNTL_ARG: return put_fcntl_arg;
	default: return NULL;
	}
}
