# SPDX-License-Identifier: Apache-2.0
# bash completion for waylay

_waylay() {
	local cur prev words cword
	_init_completion -n : || return
	local commands='run serve call trace doctor help version' command= i

	for ((i = 1; i < cword; i++)); do
		if [[ ${words[i]} != -* ]]; then
			command=${words[i]}
			break
		fi
	done
	if [[ ! $command ]]; then
		COMPREPLY=($(compgen -W "$commands -v --verbose --help --version" -- "$cur"))
		return
	fi
	case $command in
	run)
		# After the program's name everything is the program's.
		local j
		for ((j = i + 1; j < cword; j++)); do
			case ${words[j]} in
			--) j=$((j + 1)) ;;
			--stats-json|--trace) j=$((j + 1)) && continue ;;
			-*) continue ;;
			esac
			_command_offset "$j"
			return
		done
		case $prev in
		--stats-json|--trace) _filedir ;;
		*)
			if [[ $cur == -* ]]; then
				COMPREPLY=($(compgen -W \
					'--stats --stats-json --trace --no-follow --catch-vdso -v --verbose --help --' -- "$cur"))
			else
				_command_offset "$cword"
			fi ;;
		esac ;;
	trace)
		case ${words[i + 1]} in
		export|report)
			case $prev in
			export|report|-o) _filedir ;;
			*) COMPREPLY=($(compgen -W '--text --json --csv --csv=wide --pcapng -o --help' \
				-- "$cur")) ;;
			esac
			return ;;
		esac
		local t
		for ((t = i + 1; t < cword; t++)); do
			case ${words[t]} in
			--) t=$((t + 1)) ;;
			-e|-p|-P|-s|-S|-o|-d|--detach-after|--snaplen|--every|--color) t=$((t + 1)) && continue ;;
			-*) continue ;;
			esac
			_command_offset "$t"
			return
		done
		case $prev in
		-o|-d) _filedir ;;
		-S) COMPREPLY=($(compgen -W "time calls errors name nothing" -- "$cur")) ;;
		-e) COMPREPLY=($(compgen -W 'class=net class=unix class=pipe class=disk class=dir
			%file %net %desc %process %memory %signal fd= path= addr= port= err= lat\>=
			size\>= status=failed pid= comm=' -- "$cur")) ;;
		*)
			if [[ $cur == -* ]]; then
				COMPREPLY=($(compgen -W '-e -p --detach-after -k -P -z -Z -s -c -C -S -o -ff -q -qq -d -t -tt -ttt -r -T
					-x -xx --csv= --strace --color --every --tcp-info --payload --snaplen
					--drop --no-uring --catch-vdso --no-follow --no-wait -v --help --' \
					-- "$cur"))
			else
				COMPREPLY=($(compgen -W 'export report' -- "$cur"))
				_command_offset "$cword"
			fi ;;
		esac ;;
	serve)
		# The program stands after "--".
		local k
		for ((k = i + 1; k < cword; k++)); do
			if [[ ${words[k]} == -- ]]; then
				_command_offset $((k + 1))
				return
			fi
		done
		case ${words[cword - 1]} in
		--mode) COMPREPLY=($(compgen -W 'auto fork prestart fresh' -- "$cur")); return ;;
		--stdin) COMPREPLY=($(compgen -W 'socket pipe file' -- "$cur")); return ;;
		--stderr) COMPREPLY=($(compgen -W 'log client null' -- "$cur")); return ;;
		--exit) COMPREPLY=($(compgen -W 'normal fast' -- "$cur")); return ;;
		--freeze) COMPREPLY=($(compgen -W 'auto memfd thp off' -- "$cur")); return ;;
		--preload|--warm|--log|--trace|--stats-json) _filedir; return ;;
		esac
		if [[ $cur == -* ]]; then
			COMPREPLY=($(compgen -W '-l --listen --mode --pool --stdin --spool
				--spool-max --stderr --exit --preload --warm --at --freeze
				--load-timeout --max --queue --per-ip --timeout --total-timeout
				--memory --cpu --recycle --log --trace --stats --stats-json
				--no-follow -v --verbose --help -n -c --' -- "$cur"))
		elif [[ $cur == unix:* ]]; then
			# Words end at a colon for readline, so it wants only what follows.
			cur=${cur#unix:}
			_filedir
		else
			COMPREPLY=($(compgen -W '8080 0 0.0.0.0:8080 unix: call: check bench' -- "$cur"))
			compopt -o nospace
		fi ;;
	doctor)
		COMPREPLY=($(compgen -W '--json -v --verbose --help' -- "$cur")) ;;
	help)
		COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
	esac
}
complete -F _waylay waylay
