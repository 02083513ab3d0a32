/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of system calls, against what the kernel's header and strace know.
 */
#include "proto/calls.h"

#include "proto/event.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const kernel_names[] = {
#include "host/callnames.inc"
};

static const struct {
	unsigned int nr;
	const char *name;
	unsigned int nr_args, groups;
} strace_calls[] = {
#include "strace_calls.inc"
};

static void every_number_of_the_kernel_has_its_name(void **state)
{
	for (unsigned int nr = 0; nr < COUNT(kernel_names); nr++) {
		if (kernel_names[nr])
			assert_string_equal(wy_call_row_of(nr)->name, kernel_names[nr]);
	}
}

static void arguments_and_groups_are_those_of_strace(void **state)
{
	for (size_t i = 0; i < COUNT(strace_calls); i++) {
		const struct wy_call_row *row = wy_call_row_of(strace_calls[i].nr);

		assert_string_equal(row->name, strace_calls[i].name);
		if (row->nr_args != strace_calls[i].nr_args ||
		    row->groups != strace_calls[i].groups)
			fail_msg("%s: %u arguments, groups %#x, and not %u, %#x", row->name,
				 row->nr_args, row->groups, strace_calls[i].nr_args,
				 strace_calls[i].groups);
	}
}

/* Each call that strace counts among those on descriptors or of the network is accounted for. */
static void no_call_on_descriptors_is_forgotten(void **state)
{
	unsigned int seen = 0;

	for (unsigned int nr = 0; nr < WY_CALL_ROWS; nr++) {
		const struct wy_call_row *row = wy_call_row_of(nr);

		if (!(row->groups & (WY_GROUP_DESC | WY_GROUP_NET)))
			continue;
		seen++;
		if (row->effect == WY_FX_NONE)
			fail_msg("%s: no word on what it does to descriptors", row->name);
	}
	assert_true(seen >= 143);
}

static void rows_agree_with_themselves(void **state)
{
	for (unsigned int nr = 0; nr < WY_CALL_ROWS; nr++) {
		const struct wy_call_row *row = wy_call_row_of(nr);

		for (unsigned int other = 0; other < nr && row->name[0]; other++)
			assert_string_not_equal(row->name, wy_call_row_of(other)->name);
		for (int i = 0; i < 6; i++)
			assert_true((i < row->nr_args) == (row->arg[i] != WY_ARG_NONE));
		assert_in_range(row->fd + 1, 0, row->nr_args);
		assert_in_range(row->fd2 + 1, 0, row->nr_args);
		if (row->fd >= 0)
			assert_true(row->arg[row->fd] == WY_ARG_FD ||
				    row->arg[row->fd] == WY_ARG_DIRFD);
		if (row->fd2 >= 0)
			assert_int_not_equal(row->fd, row->fd2);
		if (row->flow != WY_FLOW_NONE)
			assert_true(row->fd >= 0 && row->effect != WY_FX_NONE);
		if (row->flow == WY_FLOW_MOVE)
			assert_true(row->fd2 >= 0);
		if (row->fd >= 0 && row->name[0])
			assert_int_not_equal(row->effect, WY_FX_NONE);
		assert_int_equal(row->in >> row->nr_args, 0);
		assert_int_equal(row->out >> row->nr_args, 0);
	}
}

/* A few of each kind, by hand: what others build on. */
static void rows_say_what_calls_do(void **state)
{
	const struct wy_call_row *row = wy_call_row_of(0);

	assert_int_equal(row->flow, WY_FLOW_IN);
	assert_int_equal(row->in, 0);
	assert_int_equal(row->out, 2);
	row = wy_call_row_of(1);
	assert_int_equal(row->in, 2);
	assert_int_equal(row->out, 0);
	row = wy_call_row_of(40); /* sendfile: from its second argument to its first */
	assert_int_equal(row->flow, WY_FLOW_MOVE);
	assert_int_equal(row->fd, 1);
	assert_int_equal(row->fd2, 0);
	row = wy_call_row_of(291);
	assert_int_equal(row->effect, WY_FX_NEW);
	assert_int_equal(row->class, WY_FD_EVENT);
	assert_int_equal(row->sub, WY_FD_EPOLL);
	assert_string_equal(wy_call_row_of(400)->name, "");
	assert_string_equal(wy_call_row_of(~0u)->name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_of_the_kernel_has_its_name),
		cmocka_unit_test(arguments_and_groups_are_those_of_strace),
		cmocka_unit_test(no_call_on_descriptors_is_forgotten),
		cmocka_unit_test(rows_agree_with_themselves),
		cmocka_unit_test(rows_say_what_calls_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
