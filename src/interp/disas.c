#include "interp/disas.h"

#include <capstone/capstone.h>
#include <inttypes.h>

unsigned int disas_one(FILE *out, unsigned int arch, unsigned int mode, const uint8_t *code,
		       unsigned int size, uint64_t pc)
{
	unsigned int len = 1;
	cs_insn *insn;
	csh cs;

	if (cs_open((cs_arch)arch, (cs_mode)mode, &cs) != CS_ERR_OK)
		return size;
	if (arch == CS_ARCH_X86)
		cs_option(cs, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	if (cs_disasm(cs, code, size, pc, 1, &insn) == 1) {
		fprintf(out, "0x%08" PRIx64 ":  %-8s %s\n", pc, insn->mnemonic, insn->op_str);
		len = insn->size;
		cs_free(insn, 1);
	} else {
		fprintf(out, "0x%08" PRIx64 ":  .byte    0x%02x\n", pc, code[0]);
	}
	cs_close(&cs);
	return len;
}

void disas_bytes(struct vcpu *v, FILE *out, const uint8_t *code, unsigned int size, uint64_t pc)
{
	unsigned int arch, mode;

	v->isa->capstone(v, &arch, &mode);
	for (unsigned int i = 0; i < size;)
		i += disas_one(out, arch, mode, code + i, size - i, pc + i);
}
