/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's image as bytes.  The build names the file, and makes it first. */
	.section .rodata.agent, "a", @progbits
	.balign 4096
	.globl wy_agent_blob
	.hidden wy_agent_blob
	.type wy_agent_blob, @object
wy_agent_blob:
	.incbin AGENT_FILE
.Lend:
	.size wy_agent_blob, .Lend - wy_agent_blob

	.balign 8
	.globl wy_agent_blob_size
	.hidden wy_agent_blob_size
	.type wy_agent_blob_size, @object
wy_agent_blob_size:
	.quad .Lend - wy_agent_blob
	.size wy_agent_blob_size, 8

	.section .note.GNU-stack, "", @progbits
