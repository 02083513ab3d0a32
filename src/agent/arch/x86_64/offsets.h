/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offsets.h - what assembly and C must agree on; thread.h, layer.h and site.h
 * assert every number here.
 */
#ifndef WY_ARCH_OFFSETS_H
#define WY_ARCH_OFFSETS_H

/* struct wy_thread, reached through %gs */
#define T_SELF               0
#define T_STACK              8
#define T_USER_SP            16
#define T_PENDING            24
#define T_DEFERRED           32
#define T_CLONE_SITE         40
#define T_CLONE_RET          48
#define T_GS                 56

/* struct wy_call, as the gate pushes it; the return address into the stub follows it */
#define C_NR                 0
#define C_ARG0               8
#define C_ARG1               16
#define C_ARG2               24
#define C_ARG3               32
#define C_ARG4               40
#define C_ARG5               48
#define C_RET                56
#define C_SITE               64
#define C_FLAGS              72
#define C_SP                 80
#define C_THREAD             88
#define C_TARGET             96
#define C_STUB_RET           104
#define C_SIZE               112

/* struct wy_site: the part that its stub reads */
#define S_BACK               0
#define S_UNWANTED           8
#define S_GATE               16
#define S_LEAVE              24
/* ... and what the gate without gs reads */
#define S_NATIVE             32
#define S_NATIVE_LEAVE       40

/* struct wy_boot, and what else proto/boot.h says */
#define B_REGION             16
#define B_TEXT_LEN           32
#define B_ARENA_OFF          40
#define B_ASK                96
#define B_TRAP_READY         0x575a
#define B_ARENA_CODE         0x200000
#define B_ARENA_DATA         0x200000

#define WY_STUB_SIZE         256
#define WY_CLONE_STUBS       48
#define WY_VFORK_STUBS       16 /* the last ones of them */
#define WY_CLONE_STUB_SIZE   128
#define WY_INT80_STUBS       32
#define WY_INT80_STUB_SIZE   8
#define WY_VERDICT_SLOTS     64
#define WY_VERDICT_SLOT_SIZE 4
#define WY_CALL_INSN_SIZE    2

#endif
