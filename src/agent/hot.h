/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hot.h - variables that stand together because of when they are used.
 *
 * The first use of a page costs a fault, and in a copied process the first write
 * 4 KB, too.  So the few variables that every process uses do not lie among the
 * large tables of which most are never touched: those follow all others, and what
 * is before them (some ten pages) is made ready in one step (boot.c).
 */
#ifndef WY_AGENT_HOT_H
#define WY_AGENT_HOT_H

/* What each copy of a process writes to: one page most likely. */
#define WY_HOT   __attribute__((section("wy_hot")))

/* Tables of some pages, of zeros at first. */
#define WY_LARGE __attribute__((section(".bss.wy_large")))

/* Where the first of these is (large.ld). */
extern char wy_large_begin[] __attribute__((visibility("hidden")));

#endif
