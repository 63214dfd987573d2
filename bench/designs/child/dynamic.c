/* SPDX-License-Identifier: MIT */
/* The dynamic child: true(1) without its locale. */
int main(void)
{
	return 0;
}
