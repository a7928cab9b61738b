"""Names as a Chinese company really has them: shared ones, rare readings, two-character surnames, foreigners."""

from __future__ import annotations

import attrs

from serai_ehr.demo.dice import Dice


@attrs.frozen
class Name:
    """A person's name in both forms: `han` is empty where there is none, the Latin parts never are."""

    last: str
    first: str
    han: str
    country: str
    """ISO 3166-1 alpha-3, as PeopleSoft writes countries."""


def _pairs(text: str) -> list[tuple[str, str]]:
    """Read `王wang 李li` into pairs of Han and Latin."""
    pairs = []
    for word in text.split():
        cut = next(at for at, letter in enumerate(word) if letter.isascii())
        pairs.append((word[:cut], word[cut:]))
    return pairs


SURNAMES = _pairs(
    "王wang 李li 张zhang 刘liu 陈chen 杨yang 黄huang 赵zhao 吴wu 周zhou 徐xu 孙sun 马ma 朱zhu 胡hu 郭guo 何he 林lin "
    "高gao 罗luo 郑zheng 梁liang 谢xie 宋song 唐tang 许xu 韩han 邓deng 冯feng 曹cao 彭peng 曾zeng 肖xiao 田tian 董dong "
    "潘pan 袁yuan 蔡cai 蒋jiang 余yu 于yu 杜du 叶ye 程cheng 苏su 魏wei 吕lü 丁ding 任ren 卢lu 姚yao 沈shen 钟zhong "
    "姜jiang 崔cui 谭tan 陆lu 汪wang 范fan 石shi 廖liao 贾jia 韦wei 傅fu 方fang 白bai 邹zou 孟meng 熊xiong 秦qin 邱qiu "
    "江jiang 尹yin 薛xue 闫yan 段duan 雷lei 侯hou 龙long 陶tao 黎li 贺he 顾gu 毛mao 郝hao 龚gong 邵shao 钱qian 覃qin "
    "欧阳ouyang 单shan 仇qiu 解xie 查zha 朴piao 翟zhai 盖ge 区ou 尉迟yuchi 司马sima 诸葛zhuge 上官shangguan 令狐linghu "
    "万俟moqi 乐yue 燕yan 华hua 缪miao 冼xian 逄pang 员yun"
)
"""Surnames, the frequent ones first, as they are read in names: for many not the common reading."""

_GIVEN_MALE = _pairs(
    "伟wei 强qiang 磊lei 洋yang 勇yong 军jun 杰jie 涛tao 超chao 明ming 刚gang 平ping 辉hui 鹏peng 华hua 飞fei 鑫xin "
    "波bo 斌bin 宇yu 浩hao 凯kai 健jian 俊jun 帆fan 帅shuai 旭xu 宁ning 龙long 林lin 建国jianguo 建军jianjun "
    "志强zhiqiang 国强guoqiang 海涛haitao 文博wenbo 子轩zixuan 浩然haoran 宇航yuhang 一鸣yiming 天宇tianyu 思远siyuan "
    "嘉诚jiacheng 晓东xiaodong 立新lixin 振华zhenhua 永强yongqiang 喆zhe 垚yao 燚yi 长乐changle 重阳chongyang"
)
_GIVEN_FEMALE = _pairs(
    "芳fang 娜na 敏min 静jing 丽li 艳yan 娟juan 霞xia 燕yan 玲ling 婷ting 雪xue 琳lin 晶jing 洁jie 莉li 慧hui 颖ying "
    "倩qian 蕾lei 薇wei 菲fei 璐lu 瑶yao 欣xin 秀英xiuying 桂英guiying 秀兰xiulan 丽娟lijuan 晓燕xiaoyan 雨涵yuhan "
    "欣怡xinyi 梓涵zihan 诗琪shiqi 思雨siyu 佳琪jiaqi 梦洁mengjie 若曦ruoxi 婉清wanqing 海燕haiyan 春梅chunmei "
    "𬱖ting 玥yue 垚yao 曾柔zengrou 乐瑶leyao"
)
_GIVEN = {True: _GIVEN_MALE, False: _GIVEN_FEMALE}
_MIDDLE = _pairs(
    "子zi 文wen 晓xiao 志zhi 建jian 国guo 海hai 春chun 玉yu 明ming 思si 嘉jia 宇yu 俊jun 雨yu 永yong 德de 庆qing 世shi"
)

_FOREIGN = (
    ("USA", "Smith", "", ("James", "Mary-Ann", "Robert"), ()),
    ("USA", "O'Brien", "", ("Kevin", "Siobhán"), ()),
    ("GBR", "Taylor", "泰", ("Oliver", "Emma"), ("龙", "美")),
    ("DEU", "Müller", "", ("Jürgen", "Anneliese"), ()),
    ("FRA", "Lefèvre", "", ("François", "Zoé"), ()),
    ("NLD", "van der Berg", "", ("Jeroen", "Sanne"), ()),
    ("ESP", "García Márquez", "", ("José", "Inés"), ()),
    ("RUS", "Ivanova", "", ("Анна", "Olga"), ()),
    ("JPN", "Sato", "佐藤", ("Ken", "Yui"), ("健", "结衣")),
    ("JPN", "Takahashi", "高桥", ("Naoki", "Mei"), ("直树", "芽衣")),
    ("KOR", "Park", "朴", ("Ji-sung", "Seo-yeon"), ("智星", "瑞妍")),
    ("IND", "Ramanathan", "", ("Venkatasubramanian", "Priya"), ()),
    ("VNM", "Nguyễn", "阮", ("Văn An", "Thị Hoa"), ("文安", "氏花")),
    ("SGP", "Tan", "陈", ("Wei Ming", "Li Ting"), ("伟明", "丽婷")),
    ("CHN", "Maimaiti", "", ("Abudureyimu",), ("阿卜杜热依木·买买提",)),
    ("CHN", "Zhuoma", "", ("Cirenzhuoma",), ("次仁卓玛",)),
)
"""Country, surname, its Han form, given names, their Han forms (or the whole name's where the surname has none)."""

FOREIGN_SHARE = 0.03


def draw(dice: Dice, *, male: bool) -> Name:
    """A name for a person of that sex; several people get the same one."""
    if dice.chance(FOREIGN_SHARE):
        return _foreign(dice)
    surname, surname_latin = dice.lower(SURNAMES)
    given, given_latin = dice.pick(_GIVEN[male])
    if len(given) == 1 and dice.chance(0.7):
        middle, middle_latin = dice.pick(_MIDDLE)
        given, given_latin = middle + given, middle_latin + given_latin
    return Name(surname_latin.capitalize(), given_latin.capitalize(), surname + given, "CHN")


def _foreign(dice: Dice) -> Name:
    country, last, last_han, firsts, firsts_han = dice.pick(_FOREIGN)
    at = dice.below(len(firsts))
    han = last_han + firsts_han[at] if firsts_han else ""
    return Name(last, firsts[at], han, country)
