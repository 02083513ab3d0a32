/* SPDX-License-Identifier: Apache-2.0 */
#include "host/serve/trial.h"

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/log.h"
#include "host/serve/request.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

int wy_trial_folder(char *path, size_t size)
{
	const char *temp = getenv("TMPDIR");

	/* A unix socket in it has a short path, or none. */
	if (!temp || strlen(temp) > 30)
		temp = "/tmp";
	snprintf(path, size, "%s/waylay-trial-XXXXXX", temp);
	if (mkdtemp(path))
		return 0;
	path[0] = '\0';
	return log_errno(errno, "cannot make a folder in '%s'", temp);
}

void wy_trial_remove(const char *path)
{
	DIR *dir = *path ? opendir(path) : NULL;
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(path);
}

static unsigned int length(char *const *list)
{
	unsigned int n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* Does not return. */
static void be_server(const char *plain, const char *call, char *const *options, char *const *argv,
		      int log)
{
	unsigned int n = 0, more = length(options), words = length(argv);
	const char **args = calloc(more + words + 8, sizeof(*args));
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (!args)
		_exit(125);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	args[n++] = "waylay";
	args[n++] = "serve";
	for (unsigned int i = 0; i < more; i++)
		args[n++] = options[i];
	args[n++] = "-l";
	args[n++] = call;
	args[n++] = plain;
	args[n++] = "--";
	for (unsigned int i = 0; i < words; i++)
		args[n++] = argv[i];
	execv("/proc/self/exe", (char *const *)args);
	log_set_fd(STDERR_FILENO);
	log_errno(errno, "cannot start waylay again");
	_exit(125);
}

void wy_trial_listen(void *trial)
{
	struct wy_trial *t = trial;
	ssize_t n;

	if (t->len + 4096 > t->room) {
		char *text = realloc(t->text, 2 * (t->len + 4096));

		if (!text)
			return;
		t->text = text;
		t->room = 2 * (t->len + 4096);
	}
	n = read(t->log, t->text + t->len, t->room - t->len - 1);
	if (n > 0)
		t->len += (size_t)n;
	t->text[t->len] = '\0';
	if (n == 0)
		close_fd(&t->log);
}

bool wy_trial_line(const struct wy_trial *t, size_t *pos, char *line, size_t size)
{
	static const char mark[] = "waylay: ";

	while (t->text && *pos < t->len) {
		const char *at = t->text + *pos;
		size_t len = strcspn(at, "\n");

		*pos += len + (at[len] == '\n');
		if (strncmp(at, mark, sizeof(mark) - 1) != 0)
			continue;
		snprintf(line, size, "%.*s", (int)(len - (sizeof(mark) - 1)),
			 at + sizeof(mark) - 1);
		return true;
	}
	return false;
}

/* "ADDRESS, call:ADDRESS, ...": the one that is no call listener. */
static bool find_plain(struct wy_trial *t, char *list)
{
	const char *why;
	char *save;

	for (char *one = strtok_r(list, ", ", &save); one; one = strtok_r(NULL, ", ", &save)) {
		if (strncmp(one, "call:", 5) != 0)
			return addr_parse(&t->plain, one, &why) == 0;
	}
	return false;
}

/* "ready: loaded in 95 ms, mode fork, serving ADDRESS, ..." */
static bool is_ready(struct wy_trial *t)
{
	char line[LOG_LINE_MAX];
	char *mode, *serving;
	size_t pos = 0;

	while (wy_trial_line(t, &pos, line, sizeof(line))) {
		t->calls_fresh |= strstr(line, "each call starts it afresh") != NULL;
		if (strncmp(line, "ready: ", 7) != 0 || t->text[pos - 1] != '\n')
			continue;
		mode = strstr(line, "mode ");
		serving = strstr(line, "serving ");
		if (!mode || !serving)
			continue;
		snprintf(t->mode, sizeof(t->mode), "%.*s", (int)strcspn(mode + 5, ", "), mode + 5);
		return find_plain(t, serving + 8);
	}
	return false;
}

int wy_trial_start(struct wy_trial *t, char *const *options, char *const *argv, bool tcp)
{
	char plain[128], call[128];
	const char *why;
	int pipe[2], err;

	*t = (struct wy_trial){ .log = -1 };
	err = wy_trial_folder(t->folder, sizeof(t->folder));
	if (err)
		return err;
	snprintf(plain, sizeof(plain), tcp ? "127.0.0.1:0" : "unix:%s/plain", t->folder);
	snprintf(call, sizeof(call), "call:unix:%s/call", t->folder);
	addr_parse(&t->call, call + 5, &why);
	if (pipe2(pipe, O_CLOEXEC) < 0)
		return log_errno(errno, "cannot make a pipe");
	t->log = pipe[0];
	t->pid = fork();
	if (t->pid == 0)
		be_server(plain, call, options, argv, pipe[1]);
	close(pipe[1]);
	if (t->pid < 0) {
		t->pid = 0;
		return log_errno(errno, "cannot start a process");
	}
	while (!is_ready(t)) {
		struct pollfd p = { t->log, POLLIN, 0 };

		if (t->log < 0) {
			waitpid(t->pid, NULL, 0);
			t->pid = 0;
			return 0;
		}
		if (poll(&p, 1, -1) > 0)
			wy_trial_listen(t);
		if (wy_request_is_stopped())
			return -EINTR;
	}
	return 0;
}

int wy_trial_stop(struct wy_trial *t)
{
	int status = 0;

	if (t->pid > 0) {
		kill(t->pid, SIGTERM);
		while (t->log >= 0) {
			struct pollfd p = { t->log, POLLIN, 0 };

			/* A copy may hang: told twice, the server ends at once. */
			if (poll(&p, 1, 10000) == 0)
				kill(t->pid, SIGTERM);
			else
				wy_trial_listen(t);
		}
		while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close_fd(&t->log);
	free(steal_pointer(&t->text));
	t->len = t->room = 0;
	t->pid = 0;
	wy_trial_remove(t->folder);
	t->folder[0] = '\0';
	return status;
}
