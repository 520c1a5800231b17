# shellcheck shell=bash
# What makes bash ask. It splits words at colons, equals signs and @ as well, so the program is told the line too, up to
# the cursor: it sees there which of the words are one, and answers what bash puts in the place of the last. Its words are
# for bash's own hands; where it has none, readline looks for files.
_subdevcfg_complete() {
	mapfile -t COMPREPLY < <(
		SUBDEVCFG_COMPLETE=bash "subdevcfg" -- "${COMP_LINE:0:COMP_POINT}" "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null
	)
	[[ ${COMPREPLY[0]-} != *[=/:@] ]] || compopt -o nospace 2>/dev/null
}
complete -o bashdefault -o default -o nosort -F _subdevcfg_complete subdevcfg
