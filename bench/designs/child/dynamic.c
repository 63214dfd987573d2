/* SPDX-License-Identifier: MIT */
/* The dynamic child: what true(1) is, without its locale. */
int main(void)
{
	return 0;
}
