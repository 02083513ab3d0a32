/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/procstatus.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int wy_proc_status(pid_t tid, struct wy_proc_status *ret)
{
	cleanup_file FILE *f = NULL;
	char path[40], line[256];
	unsigned int uid;

	memset(ret, 0, sizeof(*ret));
	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "State: %c", &ret->state);
		sscanf(line, "Tgid: %d", &ret->group);
		sscanf(line, "TracerPid: %d", &ret->tracer);
		sscanf(line, "Seccomp: %d", &ret->seccomp);
		sscanf(line, "ShdPnd: %lx", &ret->pending);
		sscanf(line, "SigIgn: %lx", &ret->ignored);
		if (sscanf(line, "Uid: %*u %u", &uid) == 1)
			ret->uid = uid;
		ret->has_memory |= strncmp(line, "VmSize:", 7) == 0;
	}
	return ret->group ? 0 : -ESRCH;
}
